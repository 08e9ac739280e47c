"""The engine between a circuit as people hand it in and what a layer calls."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor

from backends.circuits.observables import Readout, read_observables
from backends.circuits.program import Ansatz, Program, program_from_circuit
from backends.exact.constants import Constant
from backends.exact.engine import ExactEngine
from backends.exact.terms import PauliEngine
from backends.gradients.autograd import Pullback, WithPullback

Matrix = npt.NDArray[np.float64]


class ExactCircuit:
    """Exact expectations of an ansatz's observables, differentiable to any order.

    Args:
        ansatz: what to simulate.

    Raises:
        UserError: names the instruction or observable that the engine does not take.
    """

    def __init__(self, ansatz: Ansatz) -> None:
        readout = read_observables(ansatz.observables, ansatz.circuit.num_qubits)
        program = program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights)
        self.engine = engine_for(program, readout)
        # Where only single Z are read, all qubits' come from the engine at once, its fastest way.
        matrix = readout.matrix if readout.z_qubits is None else readout.of_qubits()
        self._observables = LinearReadout(matrix, readout.offset)
        self.with_pullback = self._observables.after(self.engine.with_pullback)
        """The same as a call, outside of autograd, and what takes the gradient to inputs and weights."""

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """(G, B, num_inputs) and (G, num_weights), radians, to (G, B, num_observables)."""
        return self._observables(self.engine.expectations(inputs, weights))


class LinearReadout:
    """Observables from what an engine gives.

    Args:
        matrix: (num_observables, num_values).
        offset: (num_observables,).
    """

    def __init__(self, matrix: Matrix, offset: Matrix) -> None:
        self._matrix = None if np.array_equal(matrix, np.eye(len(matrix))) else Constant(matrix)
        self._offset = Constant(offset) if np.any(offset) else None

    def __call__(self, values: Tensor) -> Tensor:
        """(..., num_values) to (..., num_observables)."""
        if self._matrix is not None:
            values = values @ self._matrix.like(values).T
        return values if self._offset is None else values + self._offset.like(values)

    def after(self, measure: WithPullback) -> WithPullback:
        """Observables, and their pullback, from what gives the values and theirs."""

        def observe(inputs: Tensor, weights: Tensor) -> tuple[Tensor, Pullback]:
            values, pullback = measure(inputs, weights)
            return self(values), lambda gradient: pullback(self._back(gradient))

        return observe

    def _back(self, gradient: Tensor) -> Tensor:
        """From a gradient (..., num_observables) to that in the values."""
        return gradient if self._matrix is None else gradient @ self._matrix.like(gradient)


def engine_for(program: Program, readout: Readout) -> ExactEngine:
    """The engine that gives what observables are made of: <Z> of all qubits if that is enough, else terms."""
    return ExactEngine(program) if readout.z_qubits is not None else PauliEngine(program, readout.terms)
