"""The exact engine: a circuit compiled once, then evaluated for batches of inputs and sets of weights."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import psutil
import torch
from torch import Tensor

from backends.circuits.program import Program
from backends.circuits.structure import Component, classes
from backends.errors import UserError
from backends.exact.chain import RegisterChain
from backends.exact.constants import Constant
from backends.exact.dense import DenseState
from backends.exact.threads import one_thread
from backends.gradients.autograd import CircuitFunction, Pullback, is_recorded

ONE_THREAD_COST = 2.0e6
"""Work of fewer complex multiplications than this runs on one thread (measured, see docs/performance.md)."""
CHUNK_BYTES = 2**30
"""Rows are worked on in chunks that need about this much memory."""


class ExactEngine:
    """Exact expectations of a program, differentiable in inputs and weights.

    The program is split into its independent components; those of one shape are simulated together,
    by whichever method needs fewer multiplications for a row.

    Args:
        program: what to simulate.
    """

    def __init__(self, program: Program) -> None:
        self.classes = parts = classes(program)
        self.simulators = [_simulator(circuits, program) for circuits in parts]
        self.row_cost = sum(
            len(circuits) * simulator.row_cost(circuits[0], program.angles)
            for circuits, simulator in zip(parts, self.simulators, strict=True)
        )
        self.row_size = sum(simulator.row_size for simulator in self.simulators)
        self.shapes = [(len(circuits), len(circuits[0].qubits)) for circuits in parts]
        qubits = [qubit for circuits in parts for circuit in circuits for qubit in circuit.qubits]
        self.in_order = qubits == sorted(qubits)
        self.qubits, self.places = Constant(qubits), Constant(np.argsort(qubits))

    def describe(self) -> str:
        """Which method simulates what, a line for components of one shape."""
        return "\n".join(
            f"{count} x {qubits} qubits: {simulator.describe()}"
            for (count, qubits), simulator in zip(self.shapes, self.simulators, strict=True)
        )

    def expectations(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """<Z_i> of every qubit.

        Args:
            inputs: (G, B, num_inputs), radians.
            weights: (G, num_weights), radians: one set for each of G circuits.

        Returns:
            (G, B, num_qubits), in [-1, 1].
        """
        context = self._context(inputs)
        if is_recorded(inputs, weights):
            return CircuitFunction(self.with_pullback, self.plain, context)(inputs, weights)
        with context():
            return torch.cat([self._values(chunk, weights) for chunk in self._chunks(inputs)], dim=1)

    def plain(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """`expectations` in torch operations, which autograd can follow to any order."""
        with self._context(inputs)():
            return torch.cat([self._plain(chunk, weights) for chunk in self._chunks(inputs)], dim=1)

    def _context(self, inputs: Tensor) -> Callable[[], AbstractContextManager[object]]:
        small = inputs.shape[0] * inputs.shape[1] * self.row_cost <= ONE_THREAD_COST
        return one_thread if small else nullcontext

    def _chunks(self, inputs: Tensor) -> Sequence[Tensor]:
        bytes_a_row = inputs.shape[0] * self.row_size * 2 * inputs.element_size()
        return inputs.split(max(1, CHUNK_BYTES // bytes_a_row), dim=1)

    def with_pullback(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Pullback]:
        """`expectations` outside of autograd, and what takes their gradient to inputs and weights."""
        chunks = self._chunks(inputs)
        if len(chunks) == 1:
            return self._whole(inputs, weights)
        sizes = [chunk.shape[1] for chunk in chunks]

        def pullback(gradient: Tensor) -> tuple[Tensor, ...]:
            parts = zip(chunks, gradient.split(sizes, dim=1), strict=True)
            # Nothing was kept of a chunk: it is simulated again when its gradient is due.
            pairs = [self._whole(chunk, weights)[1](part) for chunk, part in parts]
            in_inputs, in_weights = zip(*pairs, strict=True)
            return torch.cat(in_inputs, dim=1), functools.reduce(torch.add, in_weights)

        return torch.cat([self._values(chunk, weights) for chunk in chunks], dim=1), pullback

    def _values(self, inputs: Tensor, weights: Tensor) -> Tensor:
        values = [simulator.expectations(inputs, weights) for simulator in self.simulators]
        return self.in_qubit_order(values, len(inputs))

    def _whole(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Pullback]:
        results = [simulator.with_pullback(inputs, weights) for simulator in self.simulators]
        values, pullbacks = zip(*results, strict=True)

        def pullback(gradient: Tensor) -> tuple[Tensor, ...]:
            parts = self._of_simulators(gradient)
            pairs = [pull(part) for pull, part in zip(pullbacks, parts, strict=True)]
            return tuple(functools.reduce(torch.add, gradients) for gradients in zip(*pairs, strict=True))

        return self.in_qubit_order(values, len(inputs)), pullback

    def _plain(self, inputs: Tensor, weights: Tensor) -> Tensor:
        values = [simulator.plain(inputs, weights) for simulator in self.simulators]
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

    def in_qubit_order(self, values: Sequence[Tensor], groups: int) -> Tensor:
        """Join what each shape's qubits gave, (G * circuits, B, qubits), to (G, B, num_qubits)."""
        rows = values[0].shape[1]
        flat = [
            value.reshape(groups, count, rows, qubits).transpose(1, 2).flatten(2)
            for value, (count, qubits) in zip(values, self.shapes, strict=True)
        ]
        joined = flat[0] if len(flat) == 1 else torch.cat(flat, dim=-1)
        return joined if self.in_order else joined.index_select(-1, self.places.like(joined))

    def _of_simulators(self, joined: Tensor) -> list[Tensor]:
        """The reverse of `in_qubit_order`."""
        if not self.in_order:
            joined = joined.index_select(-1, self.qubits.like(joined))
        groups, rows, _ = joined.shape
        parts = torch.split_with_sizes(joined, [count * qubits for count, qubits in self.shapes], dim=-1)
        return [
            part.reshape(groups, rows, *shape).transpose(1, 2).reshape(-1, rows, shape[1])
            for part, shape in zip(parts, self.shapes, strict=True)
        ]


def _simulator(circuits: list[Component], program: Program) -> RegisterChain | DenseState:
    """The cheaper method for components of one shape.

    Raises:
        UserError: if that would not fit in memory.
    """
    component, angles = circuits[0], program.angles
    methods: tuple[type[RegisterChain] | type[DenseState], ...] = (RegisterChain, DenseState)
    method = min(methods, key=lambda each: each.row_cost(component, angles))
    memory = psutil.virtual_memory().total
    if method is DenseState and DenseState.row_bytes(component) > memory:
        raise UserError(
            f"{len(component.qubits)} qubits of the circuit are entangled in a way that needs all their "
            f"amplitudes: one row takes {DenseState.row_bytes(component) / 2**30:,.0f} GiB, and this machine "
            f"has {memory / 2**30:.0f} GiB; use fewer qubits, or gates that join few of them at a time"
        )
    return method(circuits, angles)
