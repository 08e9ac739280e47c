"""Circuits of which everything is known."""

from __future__ import annotations

from qiskit.circuit import ParameterVector, QuantumCircuit

from tests.backends.random_circuits import TestAnsatz


def rotations(num_qubits: int = 3) -> TestAnsatz:
    """Rx of an input and of a weight on each qubit; nothing joins them."""
    x, w = ParameterVector("x", num_qubits), ParameterVector("w", num_qubits)
    circuit = QuantumCircuit(num_qubits)
    for qubit in range(num_qubits):
        circuit.rx(x[qubit], qubit)
        circuit.rx(w[qubit], qubit)
    return TestAnsatz(circuit, x, w)


def ghz(num_qubits: int = 4) -> TestAnsatz:
    circuit = QuantumCircuit(num_qubits)
    circuit.h(0)
    for qubit in range(1, num_qubits):
        circuit.cx(qubit - 1, qubit)
    return TestAnsatz(circuit, [], [])


def idle(num_qubits: int) -> TestAnsatz:
    return TestAnsatz(QuantumCircuit(num_qubits), [], [])


def haar_qubit() -> TestAnsatz:
    """Rz Rx Rz of |0>: not Haar-random at uniform angles, as Sim et al. show (their circuits B to D)."""
    w = ParameterVector("w", 3)
    circuit = QuantumCircuit(1)
    circuit.rz(w[0], 0)
    circuit.rx(w[1], 0)
    circuit.rz(w[2], 0)
    return TestAnsatz(circuit, [], w)
