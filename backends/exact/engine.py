"""The exact engine: a circuit compiled once, then evaluated for batches of inputs and sets of weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..program import Program
from ..structure import Component, classes
from .chain import RegisterChain
from .dense import DenseState
from .threads import on_one_thread

ONE_THREAD_COST = 2.0e7
"""Work of fewer complex multiplications than this runs on one thread (measured, see docs/performance.md)."""


class ExactEngine:
    """Exact expectations of a program, differentiable in inputs and weights.

    The program is split into its independent components; those of one shape are simulated together,
    by whichever method needs fewer multiplications for a row.

    Args:
        program: what to simulate.
    """

    def __init__(self, program: Program) -> None:
        parts = classes(program)
        self.simulators = [_simulator(circuits, program) for circuits in parts]
        self.row_cost = sum(
            len(circuits) * simulator.row_cost(circuits[0], program.angles)
            for circuits, simulator in zip(parts, self.simulators, strict=True)
        )
        qubits = [qubit for circuits in parts for circuit in circuits for qubit in circuit.qubits]
        self.order = None if qubits == sorted(qubits) else torch.as_tensor(np.argsort(qubits))

    def expectations(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """<Z_i> of every qubit.

        Args:
            inputs: (G, B, num_inputs), radians.
            weights: (G, num_weights), radians: one set for each of G circuits.

        Returns:
            (G, B, num_qubits), in [-1, 1].
        """
        if inputs.shape[0] * inputs.shape[1] * self.row_cost > ONE_THREAD_COST:
            return self._expectations(inputs, weights)
        return on_one_thread(self._expectations, inputs, weights)

    def _expectations(self, inputs: Tensor, weights: Tensor) -> Tensor:
        values = [simulator.expectations(inputs, weights) for simulator in self.simulators]
        return self.in_qubit_order(values, len(inputs))

    def amplitudes(self, inputs: Tensor, weights: Tensor) -> list[Tensor]:
        """The state vectors of the components, those of one shape together.

        Args:
            inputs: as in `expectations`.
            weights: as in `expectations`.

        Returns:
            For each shape complex (G * circuits, B, 2^qubits), first qubit most significant.
        """
        return [simulator.amplitudes(inputs, weights) for simulator in self.simulators]

    def in_qubit_order(self, values: list[Tensor], groups: int) -> Tensor:
        """Join what each shape's qubits gave, (G * circuits, B, qubits), to (G, B, num_qubits)."""
        flat = [v.reshape(groups, -1, *v.shape[1:]).transpose(1, 2).flatten(2) for v in values]
        joined = flat[0] if len(flat) == 1 else torch.cat(flat, dim=-1)
        return joined if self.order is None else joined.index_select(-1, self.order.to(joined.device))


def _simulator(circuits: list[Component], program: Program) -> RegisterChain | DenseState:
    chain = RegisterChain.row_cost(circuits[0], program.angles)
    dense = DenseState.row_cost(circuits[0], program.angles)
    method = RegisterChain if chain <= dense else DenseState
    return method(circuits, program.angles)
