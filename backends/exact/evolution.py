"""A circuit as steps on all amplitudes, forwards and backwards."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from backends.circuits.program import AffineMap
from backends.circuits.structure import Component
from backends.exact.angles import Angles
from backends.exact.fusion import Word, absorb_constants
from backends.exact.grouping import Group, Kind
from backends.exact.steps import MatrixStep, MonomialStep, Step
from backends.exact.word_table import WordTable

Gradients = tuple[Tensor, Tensor]
"""In inputs (G, B, num_inputs) and weights (G, num_weights)."""
Pull = Callable[[Sequence[Tensor | None]], tuple[Tensor | None, Tensor | None]]
"""From the gradients in what a source gives to inputs and weights; None for what it does not read."""


class Evolution:
    """Groups of gates applied one after another to states (G', 2^n, B), where G' is G * num_circuits.

    Args:
        groups: first applied first.
        order: the qubits of the state, most significant first.
        circuits: components that differ only in their angles.
        angles: the program's affine map.

    Attributes:
        steps: one a group.
        order: the qubits of the state at the end.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        order: Sequence[int],
        circuits: Sequence[Component],
        angles: AffineMap,
    ) -> None:
        self.steps: list[Step] = []
        self.order = list(order)
        for group in groups:
            if group.kind is Kind.MONOMIAL:
                self.steps.append(MonomialStep(group, self.order))
            else:
                self.steps.append(MatrixStep(group, self.order))
            self.order = self.steps[-1].place.order
        rows = [circuit.angles for circuit in circuits]
        self._sources: list[_Phases | _Matrices] = []
        alike: defaultdict[object, list[tuple[int, MatrixStep, Word]]] = defaultdict(list)
        for k, step in enumerate(self.steps):
            if isinstance(step, MonomialStep):
                if step.turns:
                    self._sources.append(_Phases(k, step, rows, angles))
            else:
                word = Word(tuple(absorb_constants(step.gates)), None)
                kind = (step.per_row, step.real, len(step.place.qubits), len(word.gates).bit_length())
                alike[kind].append((k, step, word))
        self._sources += [_Matrices(members, rows, angles) for members in alike.values()]

    def parameters(
        self, inputs: Tensor, weights: Tensor
    ) -> tuple[list[Tensor | None], Callable[[Sequence[Tensor | None]], Gradients]]:
        """What every step applies.

        Args:
            inputs: (G, B, num_inputs), radians.
            weights: (G, num_weights), radians.

        Returns:
            A parameter a step, and what takes the gradients in them, as steps give them, to the arguments.
        """
        parameters: list[Tensor | None] = [None] * len(self.steps)
        pulls: list[Pull] = []
        for source in self._sources:
            values, pull = source(inputs, weights)
            for k, value in zip(source.places, values, strict=True):
                parameters[k] = value
            pulls.append(pull)

        def pull_all(gradients: Sequence[Tensor | None]) -> Gradients:
            found = [
                pull([gradients[k] for k in source.places])
                for source, pull in zip(self._sources, pulls, strict=True)
            ]
            in_inputs, in_weights = zip(*found, strict=True) if found else ((), ())
            return _sum(in_inputs, inputs), _sum(in_weights, weights)

        return parameters, pull_all

    def forward(self, state: Tensor, parameters: Sequence[Tensor | None]) -> Tensor:
        """Apply all steps."""
        for step, parameter in zip(self.steps, parameters, strict=True):
            state = step.apply(state, parameter)
        return state

    def backward(
        self, pair: Tensor, parameters: Sequence[Tensor | None]
    ) -> tuple[Tensor, list[Tensor | None]]:
        """Undo all steps.

        Args:
            pair: the state and the gradient in it, (2, G', 2^n, B).
            parameters: as in `forward`.

        Returns:
            State and gradient at the beginning, and the gradients in the parameters.
        """
        found: list[Tensor | None] = []
        for step, parameter in zip(reversed(self.steps), reversed(parameters), strict=True):
            pair, in_parameter = step.undo(pair, parameter)
            found.append(in_parameter)
        return pair, found[::-1]


def _sum(gradients: Sequence[Tensor | None], argument: Tensor) -> Tensor:
    found = [gradient for gradient in gradients if gradient is not None]
    return functools.reduce(torch.add, found) if found else torch.zeros_like(argument)


class _Phases:
    """The phases of a monomial step.

    Args:
        place: the step's, in the evolution.
        step: whose phases they are.
        angle_rows: for each circuit, which of the program's angles its own are.
        angles: the program's affine map.
    """

    def __init__(
        self, place: int, step: MonomialStep, angle_rows: Sequence[Sequence[int]], angles: AffineMap
    ) -> None:
        self.places = [place]
        self._step = step
        self._shape = (len(angle_rows), len(step.angles))
        self._angles = Angles(angles.take([rows[k] for rows in angle_rows for k in step.angles]))

    def __call__(self, inputs: Tensor, weights: Tensor) -> tuple[list[Tensor], Pull]:
        """A list of complex (G', D, 1 or B), and its pullback."""
        groups, circuits, count = len(weights), *self._shape
        if self._step.per_row:
            angles = self._angles.of_rows(inputs, weights).unflatten(-1, self._shape).transpose(1, 2)
        else:
            angles = self._angles.of_weights(weights).reshape(groups, circuits, 1, count)

        def pull(gradients: Sequence[Tensor | None]) -> tuple[Tensor | None, Tensor | None]:
            (gradient,) = gradients
            if gradient is None:
                return None, None
            in_angles = self._step.pull_phases(gradient).unflatten(0, (groups, circuits))
            if self._step.per_row:
                return self._angles.pull_rows(in_angles.transpose(1, 2).flatten(2))
            return None, self._angles.pull_weights(in_angles.flatten(1))

        return [self._step.phases(angles.flatten(0, 1))], pull


class _Matrices:
    """The matrices of steps of one size and about as many gates.

    Args:
        members: place in the evolution, step and its gates.
        angle_rows: for each circuit, which of the program's angles its own are.
        angles: the program's affine map.
    """

    def __init__(
        self,
        members: Sequence[tuple[int, MatrixStep, Word]],
        angle_rows: Sequence[Sequence[int]],
        angles: AffineMap,
    ) -> None:
        self.places = [place for place, _, _ in members]
        self._per_row, self._real = members[0][1].per_row, members[0][1].real
        self._table = WordTable([word for _, _, word in members], angle_rows, angles)

    def __call__(self, inputs: Tensor, weights: Tensor) -> tuple[list[Tensor], Pull]:
        """For each step (G', 1 or B, D, D), and their pullback."""
        table, groups, rows = self._table, *inputs.shape[:2]
        if self._per_row:
            matrices, pull_table = table.products(table.angles.of_rows(inputs, weights).flatten(0, 1))
            matrices = matrices.unflatten(0, (groups, rows, -1)).transpose(1, 2).flatten(0, 1)
        else:
            matrices, pull_table = table.products(table.angles.of_weights(weights))
            matrices = matrices.unsqueeze(1)
        if self._real:
            matrices = matrices.real.contiguous()

        def pull(gradients: Sequence[Tensor | None]) -> tuple[Tensor | None, Tensor | None]:
            gradient = torch.stack(
                [each for each in gradients if each is not None], dim=-2
            )  # (G', 1 or B, D, W, D)
            if self._real:
                gradient = torch.complex(gradient, torch.zeros_like(gradient))
            if not self._per_row:
                return None, table.angles.pull_weights(pull_table(gradient.flatten(0, 1)))
            by_row = gradient.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 2)
            return table.angles.pull_rows(pull_table(by_row).unflatten(0, (groups, rows)))

        return list(matrices.unbind(-2)), pull
