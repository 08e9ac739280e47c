"""Gates of which Qiskit only notes that they are to be controlled, inverted or raised to a power."""

from __future__ import annotations

from typing import Any

from qiskit.circuit import (
    AnnotatedOperation,
    ControlModifier,
    Gate,
    InverseModifier,
    PowerModifier,
    QuantumCircuit,
)


def carried_out(operation: Any) -> Any:
    """The gate that an annotated operation stands for; anything else as it is.

    ``gate.control(annotated=True)`` and the like, which Qiskit announces as the default, leave it to the
    transpiler to make a gate of the note.
    """
    if not isinstance(operation, AnnotatedOperation):
        return operation
    gate = carried_out(operation.base_op)
    if not isinstance(gate, Gate):
        return operation  # refused by its name, like everything that is no gate
    for modifier in operation.modifiers:
        gate = _modified(gate, modifier)
    return gate


def without_annotations(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with every annotated operation carried out."""
    if not any(isinstance(item.operation, AnnotatedOperation) for item in circuit.data):
        return circuit
    plain = circuit.copy_empty_like()
    for item in circuit.data:
        plain.append(carried_out(item.operation), item.qubits, item.clbits)
    return plain


def _modified(gate: Gate, modifier: Any) -> Any:
    if isinstance(modifier, ControlModifier):
        return gate.control(modifier.num_ctrl_qubits, ctrl_state=modifier.ctrl_state, annotated=False)
    if isinstance(modifier, InverseModifier):
        return gate.inverse(annotated=False)
    assert isinstance(modifier, PowerModifier)
    return gate.power(modifier.power, annotated=False)
