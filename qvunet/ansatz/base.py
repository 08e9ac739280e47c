"""What an ansatz is, and how layered ones are built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import pi

from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from backends.errors import UserError

PIXELS = 4
"""Qubits of one register: the pixels of a 2x2 patch."""


@dataclass(frozen=True)
class Ansatz:
    """A parameterised circuit with its inputs, weights and observables.

    Attributes:
        name: name in the registry, e.g. ``"hqconv"``, or ``"package.module:function"``.
        circuit: encoding and ansatz layers, no measurement.
        inputs: parameters that carry data, radians; in a registered ansatz one for each qubit.
        weights: trainable parameters, radians.
        observables: ``[Z_0, ..., Z_{n-1}]``; any in an ansatz of one's own.
    """

    name: str
    circuit: QuantumCircuit
    inputs: Sequence[Parameter]
    weights: Sequence[Parameter]
    observables: list[SparsePauliOp]

    @property
    def num_qubits(self) -> int:
        """Number of qubits, in a registered ansatz that of inputs and of outputs too."""
        return self.circuit.num_qubits


def layered(
    name: str,
    num_qubits: int,
    num_layers: int,
    weights_per_layer: int,
    layer: Callable[[QuantumCircuit, ParameterVector], None],
    uploads: int = 1,
) -> Ansatz:
    """Rx encoding, then `num_layers` times `layer`, each with its own slice of the weights.

    With more than one upload (Perez-Salinas et al., arXiv:1907.02085) the data enters again before as many
    layers, evenly spread: ``Rx(scale / pi * x)`` on each qubit, whose scale is a weight of its own, so that
    weights drawn from [0, 2 pi) stretch the data by 1 on average. Scales come after the layers' weights,
    upload by upload.

    Raises:
        UserError: if there is no layer, or there are not between 1 and `num_layers` uploads.
    """
    require_at_least("num_layers", num_layers, 1)
    require_at_least("uploads", uploads, 1)
    if uploads > num_layers:
        raise UserError(f"uploads = {uploads}: must be at most num_layers = {num_layers}")
    inputs = ParameterVector("x", num_qubits)
    of_layers = num_layers * weights_per_layer
    weights = ParameterVector("w", of_layers + (uploads - 1) * num_qubits)
    circuit = QuantumCircuit(num_qubits, name=name)
    for qubit, angle in enumerate(inputs):
        circuit.rx(angle, qubit)
    again = {k * num_layers // uploads: of_layers + (k - 1) * num_qubits for k in range(1, uploads)}
    for number in range(num_layers):
        if number in again:
            scales = weights[again[number] : again[number] + num_qubits]
            for qubit, (scale, angle) in enumerate(zip(scales, inputs, strict=True)):
                circuit.rx(scale * angle / pi, qubit)
        layer(circuit, weights[number * weights_per_layer : (number + 1) * weights_per_layer])
    observables = [SparsePauliOp.from_sparse_list([("Z", [i], 1.0)], num_qubits) for i in range(num_qubits)]
    return Ansatz(name, circuit, inputs, weights, observables)


def require_at_least(key: str, value: int, minimum: int) -> None:
    """Check an argument.

    Raises:
        UserError: if it is below its minimum.
    """
    if value < minimum:
        raise UserError(f"{key} = {value}: must be at least {minimum}")
