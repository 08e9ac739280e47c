"""What an ansatz is, and how layered ones are built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
) -> Ansatz:
    """Rx encoding, then `num_layers` times `layer`, each with its own slice of the weights.

    Raises:
        UserError: if there is no layer.
    """
    require_at_least("num_layers", num_layers, 1)
    inputs = ParameterVector("x", num_qubits)
    weights = ParameterVector("w", num_layers * weights_per_layer)
    circuit = QuantumCircuit(num_qubits, name=name)
    for qubit, angle in enumerate(inputs):
        circuit.rx(angle, qubit)
    for number in range(num_layers):
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
