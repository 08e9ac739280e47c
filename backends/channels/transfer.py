"""Pauli transfer matrices: what a channel does to the expectations of all Pauli strings.

A state of k qubits is the vector of ``tr(P rho)`` over the 4^k strings P, letters in the order I, X, Y, Z and
the first qubit most significant; a channel is a real (4^k, 4^k) matrix on it (Greenbaum, arXiv:1509.02921).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from qiskit.quantum_info import PTM, Choi

from backends.circuits.program import Fixed, Operation
from backends.exact.fusion import PAULIS

Real = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

LETTERS = "IXYZ"


def of_unitary(matrix: Complex) -> Real:
    """The transfer matrix of a unitary (2^k, 2^k), its most significant bit the first qubit."""
    strings = _strings(len(matrix).bit_length() - 1)
    turned = matrix @ strings @ matrix.conj().T
    # einsum would not see that this is one product of matrices.
    flat = strings.reshape(len(strings), -1).conj() @ turned.reshape(len(strings), -1).T
    return np.asarray(flat.real) / len(matrix)


def of_rotation(pauli: str) -> Real:
    """``exp(-i angle/2 P)``: matrices A, (3, 4^k, 4^k), of ``A[0] + cos(angle) A[1] + sin(angle) A[2]``."""
    string = np.ones((1, 1), dtype=complex)
    for letter in pauli:
        string = np.asarray(np.kron(string, PAULIS[letter]))
    identity = np.eye(len(string))
    half_turn, quarter_turn = of_unitary(string), of_unitary((identity - 1j * string) / np.sqrt(2))
    mean = (np.eye(len(half_turn)) + half_turn) / 2
    return np.stack([mean, mean - half_turn, quarter_turn - mean])


def of_operation(operation: Operation) -> Real:
    """(3, 4^k, 4^k) as in `of_rotation`, on the operation's own qubits; a constant's last two vanish."""
    if isinstance(operation, Fixed):
        return constant(of_unitary(operation.matrix))
    return of_rotation(operation.pauli)


def of_channel(channel: Choi) -> Real:
    """The transfer matrix of one of Qiskit's channels, whose first qubit is the least significant."""
    return _reversed(PTM(channel).data.real)


def constant(matrix: Real) -> Real:
    """A matrix in the form of `of_rotation`."""
    return np.stack([matrix, np.zeros_like(matrix), np.zeros_like(matrix)])


def extend(matrices: Real, qubits: Sequence[int], num_qubits: int) -> Real:
    """Matrices (..., 4^k, 4^k) on some qubits as ones on all, (..., 4^n, 4^n), qubit 0 most significant."""
    rest = [qubit for qubit in range(num_qubits) if qubit not in qubits]
    order = np.argsort([*qubits, *rest])
    leading = matrices.shape[:-2]
    whole = np.einsum("...ab,cd->...acbd", matrices, np.eye(4 ** len(rest)))
    tensor = whole.reshape(*leading, *[4] * (2 * num_qubits))
    axes = [len(leading) + k for k in [*order, *(num_qubits + order)]]
    return tensor.transpose([*range(len(leading)), *axes]).reshape(*leading, 4**num_qubits, 4**num_qubits)


def _strings(num_qubits: int) -> Complex:
    """All Pauli strings as matrices, (4^k, 2^k, 2^k)."""
    letters = np.stack([np.eye(2, dtype=complex), *(PAULIS[letter] for letter in LETTERS[1:])])
    strings = np.ones((1, 1, 1), dtype=complex)
    for _ in range(num_qubits):
        strings = np.einsum("pab,qcd->pqacbd", strings, letters).reshape(
            len(strings) * 4, strings.shape[1] * 2, -1
        )
    return strings


def _reversed(matrix: Real) -> Real:
    """The same with the order of the qubits turned round."""
    k = (len(matrix).bit_length() - 1) // 2
    order = [*range(k)][::-1]
    axes = [*order, *(k + axis for axis in order)]
    return matrix.reshape([4] * (2 * k)).transpose(axes).reshape(matrix.shape)
