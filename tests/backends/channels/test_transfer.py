from __future__ import annotations

import numpy as np
import pytest
from qiskit.quantum_info import PTM, Choi, Operator, random_quantum_channel
from scipy.stats import unitary_group

from backends.channels.transfer import extend, of_channel, of_rotation, of_unitary
from backends.circuits.program import big_endian
from tests.backends.random_circuits import PAULI_MATRICES, kron


@pytest.mark.parametrize("num_qubits", [1, 2, 3])
def test_of_a_unitary(num_qubits):
    matrix = unitary_group.rvs(2**num_qubits, random_state=num_qubits)
    qiskit = of_channel(Choi(Operator(big_endian(matrix))))
    np.testing.assert_allclose(of_unitary(matrix), qiskit, atol=1e-12)


@pytest.mark.parametrize("pauli", ["X", "Y", "Z", "ZX", "YY", "XYZ"])
def test_of_a_rotation(pauli):
    constant, cosine, sine = of_rotation(pauli)
    string = kron(PAULI_MATRICES[letter] for letter in pauli)
    for angle in (0.3, -2.0, 5.0):
        unitary = np.cos(angle / 2) * np.eye(len(string)) - 1j * np.sin(angle / 2) * string
        made = constant + np.cos(angle) * cosine + np.sin(angle) * sine
        np.testing.assert_allclose(made, of_unitary(unitary), atol=1e-12)


def test_of_a_channel_of_one_qubit_is_qiskits_own():
    channel = random_quantum_channel(2, 2, seed=3)
    np.testing.assert_allclose(of_channel(Choi(channel)), PTM(channel).data.real, atol=1e-12)


@pytest.mark.parametrize("qubits", [(0,), (2,), (0, 2), (2, 0), (1, 0)])
def test_extended_to_more_qubits(qubits):
    matrix = unitary_group.rvs(2 ** len(qubits), random_state=1)
    whole = Operator(np.eye(8)).compose(Operator(matrix), qargs=list(reversed(qubits))).data
    expected = of_unitary(big_endian(whole))  # Qiskit's first qubit is the least significant
    np.testing.assert_allclose(extend(of_unitary(matrix), qubits, 3), expected, atol=1e-12)
