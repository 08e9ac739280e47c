import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from qiskit.quantum_info import random_statevector

from backends.exact.readout import ZReadout, z_expectations
from tests.backends.random_circuits import z_values


def states_of(num_qubits):
    """(2, 2^n, 3), and the same with rows before amplitudes."""
    rows = np.array(
        [[random_statevector(2**num_qubits, seed=3 * g + b).data for b in range(3)] for g in range(2)]
    )
    return torch.from_numpy(rows.swapaxes(1, 2).copy()), rows


@given(st.integers(1, 6).flatmap(lambda n: st.permutations(range(n))))
def test_z_of_every_qubit_and_its_gradient(order):
    state, rows = states_of(len(order))
    readout = ZReadout([], order)
    found = readout(state)
    np.testing.assert_allclose(found[..., list(order)], z_values(rows), atol=1e-13)
    state.requires_grad_()
    gradient = torch.linspace(-1, 2, found.numel(), dtype=torch.float64).reshape(found.shape)
    (expected,) = torch.autograd.grad(readout(state), state, gradient)
    torch.testing.assert_close(readout.pull(state.detach(), gradient), expected)


@pytest.mark.parametrize("num_qubits", [1, 2, 5])
def test_z_expectations(num_qubits):
    state = random_statevector(2**num_qubits, seed=0).data
    probabilities = torch.from_numpy(np.abs(state) ** 2)
    np.testing.assert_allclose(z_expectations(probabilities), z_values(state), atol=1e-14)
    assert z_expectations(probabilities.expand(2, 3, -1)).shape == (2, 3, num_qubits)
