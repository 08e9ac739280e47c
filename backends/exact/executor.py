"""The engine between a circuit as people hand it in and what a layer calls."""

from __future__ import annotations

from torch import Tensor

from backends.circuits.program import Ansatz, program_from_circuit, z_qubits
from backends.exact.constants import Constant
from backends.exact.engine import ExactEngine
from backends.gradients.autograd import Pullback


class ExactCircuit:
    """Exact expectations of an ansatz's observables, differentiable to any order.

    Args:
        ansatz: what to simulate.

    Raises:
        UserError: names the instruction or observable that the engine does not take.
    """

    def __init__(self, ansatz: Ansatz) -> None:
        qubits = z_qubits(ansatz.observables, ansatz.circuit.num_qubits)
        self.engine = ExactEngine(program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights))
        self._qubits = None if qubits == list(range(ansatz.circuit.num_qubits)) else Constant(qubits)

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """(G, B, num_inputs) and (G, num_weights), radians, to (G, B, num_observables)."""
        values = self.engine.expectations(inputs, weights)
        return values if self._qubits is None else values.index_select(-1, self._qubits.like(values))

    def with_pullback(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Pullback]:
        """The same outside of autograd, and what takes their gradient to inputs and weights."""
        values, pullback = self.engine.with_pullback(inputs, weights)
        if self._qubits is None:
            return values, pullback
        index = self._qubits.like(values)

        def pull(gradient: Tensor) -> tuple[Tensor, ...]:
            return pullback(values.new_zeros(values.shape).index_add_(-1, index, gradient))

        return values.index_select(-1, index), pull
