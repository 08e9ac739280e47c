"""Operations that are no multiplexors on two qubits, rewritten by such."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from qiskit import transpile
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.circuit.library import UnitaryGate

from backends.circuits.emission import append_rotation
from backends.circuits.program import Fixed, Operation, Rotation, big_endian, program_from_circuit
from backends.devices.lowering.blocks import readings


def in_multiplexors(operations: Sequence[Operation]) -> Iterator[Operation]:
    """Write what acts on more than two qubits, or on two like a SWAP, with CX and single-qubit gates.

    Args:
        operations: without controls; their angles stay what they are.
    """
    for operation in operations:
        if len(operation.qubits) == 1 or (len(operation.qubits) == 2 and readings(operation)):
            yield operation
        else:
            yield from _rewritten(operation)


def _rewritten(operation: Operation) -> Iterator[Operation]:
    circuit, angle = QuantumCircuit(len(operation.qubits)), ParameterVector("angle", 1)
    if isinstance(operation, Rotation):
        local = replace(operation, targets=tuple(range(len(operation.targets))))
        append_rotation(circuit, local, angle[0])
    else:
        circuit.append(operation.gate or UnitaryGate(big_endian(operation.matrix)), circuit.qubits)
        circuit = transpile(circuit, basis_gates=["u", "cx"], optimization_level=1)
    for found in program_from_circuit(circuit, angle).operations:
        qubits = tuple(operation.qubits[q] for q in found.qubits)
        if isinstance(found, Fixed):
            yield Fixed(found.matrix, qubits)
        elif isinstance(operation, Rotation):  # constant gates are made of constant ones alone
            yield Rotation(found.pauli, qubits, operation.angle)
