import numpy as np
import pytest
import torch
from qiskit.quantum_info import Pauli

from backends.exact.paulis import ChainStrings, pauli_strings, z_signs

WORDS = ["XYZ", "ZIZ", "YYI", "XII", "ZZZ", "YXY", "IZI"]


def complex_normal(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*shape, dtype=torch.complex128, generator=generator)


def of_matrices(states):
    """(N, 2^n), first qubit most significant, to the expectations of `WORDS`."""
    matrices = [torch.from_numpy(Pauli(word).to_matrix()) for word in WORDS]
    return torch.stack([(states.conj() * (states @ m.T)).sum(-1).real for m in matrices], dim=-1)


@pytest.mark.parametrize("word", ["Z", "IZ", "ZIZ", "IIII"])
def test_z_signs_are_the_diagonal_of_the_pauli_string(word):
    np.testing.assert_array_equal(z_signs(word), np.diag(Pauli(word).to_matrix()).real)


def test_in_a_state():
    states = complex_normal(4, 8)
    values = pauli_strings(WORDS, [[0, 1, 2]], 3)([states[:, None, None]])
    torch.testing.assert_close(values, of_matrices(states))


def test_in_a_chain_with_padding_and_shuffled_qubits():
    left, right = complex_normal(4, 1, 3, 4), complex_normal(4, 3, 1, 4)
    left[..., 1::2] = 0  # its second qubit is padding
    states = torch.einsum("nlri,nrmj->nij", left[..., ::2], right)  # qubits 1, then 2 and 0
    states = states.reshape(4, 2, 2, 2).permute(0, 3, 1, 2).reshape(4, 8)
    reader = pauli_strings(WORDS, [[1], [2, 0]], 2)
    assert isinstance(reader, ChainStrings)
    torch.testing.assert_close(reader([left, right]), of_matrices(states))
