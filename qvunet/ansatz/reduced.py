"""Circuits with something taken out of them, to see what it did there.

Inputs, weights and observables stay, so that the weights of the whole circuit fit; those whose gates are gone
do nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from qiskit.circuit import CircuitInstruction, ControlledGate, ParameterExpression

from qvunet.ansatz.base import Ansatz


def without_weighted_gates(ansatz: Ansatz) -> Ansatz:
    """What encodes the data, and constant gates."""
    weights = set(ansatz.weights)
    return _keep(ansatz, lambda item: not weights & _parameters(item))


def without_entanglers(ansatz: Ansatz) -> Ansatz:
    """Gates on single qubits only."""
    return _keep(ansatz, lambda item: len(item.qubits) == 1)


def with_local_rotations(ansatz: Ansatz) -> Ansatz:
    """Controlled rotations as rotations of their target alone; other gates on several qubits left out.

    As many weights as the circuit, each still in use where it turned a target, but nothing joins two qubits.
    """
    reduced = ansatz.circuit.copy_empty_like()
    for item in ansatz.circuit.data:
        gate = item.operation
        if len(item.qubits) == 1:
            reduced.append(item)
        elif isinstance(gate, ControlledGate) and gate.params and gate.base_gate.num_qubits == 1:
            reduced.append(gate.base_gate, item.qubits[-1:])
    return replace(ansatz, circuit=reduced)


def _keep(ansatz: Ansatz, wanted: Callable[[CircuitInstruction], bool]) -> Ansatz:
    reduced = ansatz.circuit.copy_empty_like()
    for item in ansatz.circuit.data:
        if wanted(item):
            reduced.append(item)
    return replace(ansatz, circuit=reduced)


def _parameters(item: CircuitInstruction) -> set[object]:
    return {
        parameter
        for value in item.operation.params
        if isinstance(value, ParameterExpression)
        for parameter in value.parameters
    }
