"""Encoding the same data several times along a circuit (Perez-Salinas et al. 2020, arXiv:1907.02085)."""

from __future__ import annotations

from dataclasses import replace

from qiskit.circuit import ParameterVector, QuantumCircuit

from qvunet.ansatz.base import Ansatz, require_at_least


def reuploaded(ansatz: Ansatz, uploads: int) -> Ansatz:
    """An ansatz as often as data are uploaded, one after another, each time with weights of its own.

    Args:
        ansatz: whose circuit begins with its encoding.
        uploads: how often data are encoded, at least 1.

    Returns:
        With inputs of its own for each upload, upload by upload, so that data may be scaled differently each
        time; its observables are measured once, at the end.

    Raises:
        UserError: if there is not one upload at least.
    """
    require_at_least("uploads", uploads, 1)
    if uploads == 1:
        return ansatz
    num_inputs, num_weights = len(ansatz.inputs), len(ansatz.weights)
    inputs = ParameterVector("x", uploads * num_inputs)
    weights = ParameterVector("w", uploads * num_weights)
    circuit = QuantumCircuit(ansatz.num_qubits, name=ansatz.name)
    for k in range(uploads):
        own = inputs[k * num_inputs : (k + 1) * num_inputs], weights[k * num_weights : (k + 1) * num_weights]
        values = {
            **dict(zip(ansatz.inputs, own[0], strict=True)),
            **dict(zip(ansatz.weights, own[1], strict=True)),
        }
        circuit.compose(ansatz.circuit.assign_parameters(values), inplace=True)
    return replace(ansatz, circuit=circuit, inputs=inputs, weights=weights)
