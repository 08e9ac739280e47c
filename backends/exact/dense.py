"""Exact simulation with all 2^n amplitudes, for any circuit.

The first gates of the qubits act on a product state; what they do to each few qubits is found before these
are put together (`registers`). Then neighbouring gates are applied together (`grouping`), step by step
(`steps`), to the whole batch. The gradient runs the circuit backwards (the adjoint method; Jones and Gacon,
arXiv:2009.02823): steps are unitary, so every earlier state is recovered by undoing them, and only the last
one is kept. What renames basis states at the very end is left to the readout.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from backends.circuits.program import AffineMap
from backends.circuits.structure import Component
from backends.exact.encoding import split_encoding
from backends.exact.evolution import Evolution, Gradients
from backends.exact.grouping import Kind, Plan, cheapest_plan
from backends.exact.readout import ZReadout
from backends.exact.start import ProductState
from backends.exact.steps import MonomialStep, permuted
from backends.gradients.autograd import CircuitFunction, Pullback

STATES_HELD = 6
"""State vectors alive at the height of a pass, with copies in another order of qubits."""


class DenseState:
    """Simulates components of one shape with full state vectors.

    Args:
        circuits: components that differ only in their angles.
        angles: the program's affine map.
    """

    def __init__(self, circuits: Sequence[Component], angles: AffineMap) -> None:
        leading, plan = _planned(circuits[0], angles)
        self.num_circuits = len(circuits)
        self.num_qubits = self.width = plan.num_qubits
        self.registers = [list(range(self.num_qubits))]
        self.product = ProductState(plan.parts, leading, plan.first, circuits, angles)
        renaming = itertools.takewhile(lambda group: group.kind is Kind.MONOMIAL, reversed(plan.groups))
        last = len(plan.groups) - len(list(renaming))
        self.evolution = Evolution(plan.groups[:last], plan.order, circuits, angles)
        self.tail = Evolution(plan.groups[last:], self.evolution.order, circuits, angles)
        last_steps = [step for step in self.tail.steps if isinstance(step, MonomialStep)]
        self.readout = ZReadout(last_steps, self.tail.order)

    @staticmethod
    def row_cost(component: Component, angles: AffineMap) -> float:
        """Complex multiplications a row."""
        return _planned(component, angles)[1].cost()

    @staticmethod
    def row_bytes(component: Component) -> int:
        """Bytes that one row takes at least, in single precision."""
        return STATES_HELD * 2 ** len(component.qubits) * 8

    @property
    def row_size(self) -> int:
        """Complex numbers a row that are held at once."""
        return self.num_circuits * STATES_HELD * 2**self.num_qubits

    def describe(self) -> str:
        """How the state is held."""
        steps = len(self.evolution.steps) + len(self.tail.steps)
        return f"all {2**self.num_qubits:,} amplitudes, steps after the product state: {steps}"

    def expectations(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Exact <Z> of every qubit of the component: (G * num_circuits, B, num_qubits).

        Args:
            inputs: (G, B, num_inputs), radians.
            weights: (G, num_weights), radians.
        """
        return self.with_pullback(inputs, weights)[0]

    def plain(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """`expectations` in torch operations, which autograd can follow to any order."""
        return self.with_pullback(inputs, weights)[0]

    def with_pullback(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Pullback]:
        """`expectations`, and what takes their gradient to those of inputs and weights."""
        state, pull_state = self._evolved([self.evolution], inputs, weights)
        values = self.readout(state)
        return values, lambda gradient: pull_state(self.readout.pull(state, gradient))

    def amplitudes(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """The state vector, complex (G * num_circuits, B, 2^num_qubits), first qubit most significant."""
        return self._amplitudes(inputs, weights)[0]

    def tensors(self, inputs: Tensor, weights: Tensor, *, plain: bool) -> list[Tensor]:
        """The state as a chain of one register, complex (G * num_circuits * B, 1, 1, 2^num_qubits).

        Args:
            inputs: as in `expectations`.
            weights: as in `expectations`.
            plain: whether autograd has to follow to any order, which takes more memory.
        """
        state = (
            self.amplitudes(inputs, weights) if plain else CircuitFunction(self._amplitudes)(inputs, weights)
        )
        return [state.flatten(0, 1)[:, None, None]]

    def _amplitudes(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Pullback]:
        state, pull_state = self._evolved([self.evolution, self.tail], inputs, weights)
        order = self.tail.order
        ordered = permuted(state, np.argsort(order).tolist()).mT.contiguous()
        return ordered, lambda gradient: pull_state(permuted(gradient.mT, order))

    def _evolved(
        self, evolutions: Sequence[Evolution], inputs: Tensor, weights: Tensor
    ) -> tuple[Tensor, Callable[[Tensor], Gradients]]:
        """The state (G * num_circuits, 2^num_qubits, B) after some evolutions, and its pullback."""
        state, pull_product = self.product(inputs, weights)
        made = [evolution.parameters(inputs, weights) for evolution in evolutions]
        for evolution, (parameters, _) in zip(evolutions, made, strict=True):
            state = evolution.forward(state, parameters)
        last = state

        def pull(gradient: Tensor) -> Gradients:
            pair, found = torch.stack([last, gradient]), []
            for evolution, (parameters, pull_parameters) in zip(
                reversed(evolutions), reversed(made), strict=True
            ):
                pair, gradients = evolution.backward(pair, parameters)
                found.append(pull_parameters(gradients))
            found.append(pull_product(pair[1]))
            in_inputs, in_weights = (functools.reduce(torch.add, each) for each in zip(*found, strict=True))
            return in_inputs, in_weights

        return state, pull


def _planned(component: Component, angles: AffineMap) -> tuple[dict[int, int], Plan]:
    """The leading Rx of qubits, and what is done after them."""
    leading, operations = split_encoding(component)
    reads = [bool(np.any(angles.inputs_matrix[row])) for row in component.angles]
    return leading, cheapest_plan(operations, reads, len(component.qubits))
