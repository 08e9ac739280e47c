"""Operations as Qiskit circuits with one free parameter a rotation."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit.circuit import ParameterExpression, ParameterVector, QuantumCircuit
from qiskit.circuit.library import UnitaryGate

from backends.circuits.expressions import program_of
from backends.circuits.program import (
    Ansatz,
    Fixed,
    Operation,
    Rotation,
    big_endian,
    without_controls,
)

_DIRECT = {
    "X": QuantumCircuit.rx,
    "Y": QuantumCircuit.ry,
    "Z": QuantumCircuit.rz,
    "XX": QuantumCircuit.rxx,
    "YY": QuantumCircuit.ryy,
    "ZZ": QuantumCircuit.rzz,
    "ZX": QuantumCircuit.rzx,
}


def angle_circuit(ansatz: Ansatz) -> QuantumCircuit:
    """The circuit that an estimator is given for an ansatz: Pauli rotations, a free parameter for each."""
    program = without_controls(program_of(ansatz))
    return circuit_from_operations(program.operations, program.num_qubits, program.num_angles)[0]


def circuit_from_operations(
    operations: Sequence[Operation], num_qubits: int, num_angles: int, *, keep_gates: bool = True
) -> tuple[QuantumCircuit, ParameterVector]:
    """Write operations without controls as a circuit.

    Args:
        operations: first applied first.
        num_qubits: of the circuit.
        num_angles: how many angles the rotations count.
        keep_gates: whether constant gates stay what they were read from; otherwise they become matrices,
            for simulators that do not know all of Qiskit's gates.

    Returns:
        The circuit, up to global phase, and its parameters: one for each angle.
    """
    angles = ParameterVector("angle", num_angles)
    circuit = QuantumCircuit(num_qubits)
    for operation in operations:
        if isinstance(operation, Fixed):
            gate = operation.gate if keep_gates else None
            circuit.append(gate or UnitaryGate(big_endian(operation.matrix)), operation.qubits)
        else:
            append_rotation(circuit, operation, angles[operation.angle])
    return circuit, angles


def append_rotation(circuit: QuantumCircuit, rotation: Rotation, angle: ParameterExpression | float) -> None:
    """Append ``exp(-i angle/2 P)``: one standard gate where there is one, else a ladder around an RZ.

    Raises:
        ValueError: if the rotation has controls.
    """
    if rotation.controls:
        raise ValueError("a controlled rotation must be rewritten by without_controls first")
    if rotation.pauli in _DIRECT:
        _DIRECT[rotation.pauli](circuit, angle, *rotation.targets)
        return
    to_z = QuantumCircuit(circuit.num_qubits)
    for letter, qubit in zip(rotation.pauli, rotation.targets, strict=True):
        if letter == "Y":
            to_z.sdg(qubit)
        if letter != "Z":
            to_z.h(qubit)
    for qubit in rotation.targets[:-1]:
        to_z.cx(qubit, rotation.targets[-1])
    circuit.compose(to_z, inplace=True)
    circuit.rz(angle, rotation.targets[-1])
    circuit.compose(to_z.inverse(), inplace=True)
