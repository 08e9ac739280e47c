"""Encoding the same data several times along a circuit (Perez-Salinas et al. 2020, arXiv:1907.02085)."""

from __future__ import annotations

from dataclasses import replace

from qiskit.circuit import ParameterVector, QuantumCircuit

from qvunet.ansatz.base import Ansatz, require_at_least
from qvunet.ansatz.registry import make_ansatz


def reuploaded(name: str, uploads: int, **options: int) -> Ansatz:
    """A registered ansatz, as often as data are uploaded, each time with weights of its own.

    Args:
        name: a key of `qvunet.ansatz.ANSATZES`, whose circuit begins with its encoding.
        uploads: how often data are encoded, at least 1.
        **options: of the ansatz, e.g. `num_layers` for each upload.

    Returns:
        The circuits one after another. Each upload has inputs of its own, upload by upload, so that data may
        be scaled differently each time: (uploads * n) inputs for n observables.

    Raises:
        UserError: if an option is not allowed.
    """
    require_at_least("uploads", uploads, 1)
    once = make_ansatz(name, **options)
    if uploads == 1:
        return once
    inputs = ParameterVector("x", uploads * len(once.inputs))
    weights = ParameterVector("w", uploads * len(once.weights))
    circuit = QuantumCircuit(once.num_qubits, name=name)
    for k in range(uploads):
        values = {
            **dict(zip(once.inputs, inputs[k * len(once.inputs) :], strict=False)),
            **dict(zip(once.weights, weights[k * len(once.weights) :], strict=False)),
        }
        circuit.compose(once.circuit.assign_parameters(values), inplace=True)
    return replace(once, circuit=circuit, inputs=inputs, weights=weights)
