"""What each observable depends on."""

from __future__ import annotations

from dataclasses import dataclass

from qiskit.quantum_info import SparsePauliOp

from backends.circuits.lightcone import light_cone
from backends.circuits.program import Ansatz, program_from_circuit


@dataclass(frozen=True)
class Cone:
    """The backward light cone of an observable.

    Attributes:
        observable: its Pauli terms, such as ``Z0`` or ``X0 Y1 + Z2``.
        gates: in the cone, encoding included.
        all_gates: of the circuit.
        qubits: that the observable depends on.
    """

    observable: str
    gates: int
    all_gates: int
    qubits: tuple[int, ...]


def light_cones(ansatz: Ansatz) -> tuple[Cone, ...]:
    """One for each observable, never too small (`backends.circuits.lightcone`)."""
    program = program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights)
    cones = [light_cone(program, observable) for observable in ansatz.observables]
    return tuple(
        Cone(_name(observable), len(cone.operations), len(program.operations), cone.qubits)
        for observable, cone in zip(ansatz.observables, cones, strict=True)
    )


def _name(observable: SparsePauliOp) -> str:
    terms = [
        " ".join(f"{letter}{qubit}" for letter, qubit in zip(letters, qubits, strict=True)) or "1"
        for letters, qubits, _ in observable.to_sparse_list()
    ]
    return " + ".join(terms)
