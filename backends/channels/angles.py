"""From inputs and weights to the angles of a compiled circuit, differentiable.

Angles that read an input differ from row to row, the others are those of a weight set. Where compilation left
angles affine, torch takes them to any order. A lowering that merges gates computes them in numpy by a way of
its own; its derivatives are central differences in double precision, of which one serves all parameters that
share no angle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import rustworkx as rx
import torch
from torch import Tensor

from backends.circuits.program import AffineMap
from backends.exact.angles import Angles

Real = npt.NDArray[np.float64]

STEP = 1e-5
"""Radians between the points of a difference and its middle."""
LARGEST_MOVE = 0.1
"""An angle that moves by more within a step has jumped to another of its values, and has no slope there."""
SAME = 1e-9
"""Radians within which an angle is called the same."""


class AffineAngles:
    """Angles by an affine map.

    Args:
        angles: the map.

    Attributes:
        per_row: (num_angles,), which of them read an input.
    """

    def __init__(self, angles: AffineMap) -> None:
        self.per_row = np.asarray(np.any(angles.inputs_matrix, axis=1))
        self._of_rows = Angles(angles.take([int(k) for k in np.flatnonzero(self.per_row)]))
        self._shared = Angles(angles.take([int(k) for k in np.flatnonzero(~self.per_row)]))

    def __call__(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """(G, B, num_inputs) and (G, num_weights) to (G, B, angles of rows) and (G, 1, the others)."""
        return self._of_rows.of_rows(inputs, weights), self._shared.of_weights(weights).unsqueeze(1)


class ComputedAngles:
    """Angles by a function in numpy that is smooth but for jumps.

    Args:
        compute: from the angles before compilation, (R, n), to those after it, (R, num_angles).
        before: the former from inputs and weights.
        runs: (num_angles,), equal for angles of which only all together are what they should be.

    Attributes:
        per_row: as in `AffineAngles`.
    """

    def __init__(self, compute: Callable[[Real], Real], before: AffineMap, runs: Sequence[int]) -> None:
        self._before = before
        self._num_inputs = before.inputs_matrix.shape[1]
        num_parameters = self._num_inputs + before.weights_matrix.shape[1]
        reads = _dependence(self._evaluated(compute), num_parameters)
        of_inputs = reads[:, : self._num_inputs].any(axis=1)
        # Of a gate that happens to be diagonal only the sum of two angles means anything.
        self.per_row = np.isin(runs, np.asarray(runs)[of_inputs])
        # Nothing but angles of rows depends on inputs, except where inputs are as special as zero.
        self._inputs_anywhere = np.random.default_rng(1).uniform(-np.pi, np.pi, self._num_inputs)
        self._of_rows, self._shared = (
            _Differences(self._evaluated(compute, chosen), reads[chosen])
            for chosen in (np.flatnonzero(self.per_row), np.flatnonzero(~self.per_row))
        )

    def __call__(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """See `AffineAngles`."""
        groups, rows, _ = inputs.shape
        anywhere = torch.as_tensor(self._inputs_anywhere).to(weights).expand(groups, -1)
        shared = torch.cat([anywhere, weights], dim=-1)
        each = torch.cat([inputs, weights.unsqueeze(1).expand(-1, rows, -1)], dim=-1)
        of_rows: Tensor = _Compute.apply(self._of_rows, each.flatten(0, 1)).unflatten(0, (groups, rows))
        return of_rows, _Compute.apply(self._shared, shared).unsqueeze(1)

    def _evaluated(
        self, compute: Callable[[Real], Real], chosen: Any = slice(None)
    ) -> Callable[[Real], Real]:
        """Some angles as a function of inputs and weights side by side, (R, num_inputs + num_weights)."""
        split = self._num_inputs

        def evaluate(parameters: Real) -> Real:
            return compute(self._before(parameters[:, :split], parameters[:, split:]))[:, chosen]

        return evaluate


class _Differences:
    """A function of rows of parameters, and its derivatives.

    Args:
        evaluate: (R, num_parameters) to (R, num_angles), radians, known up to full turns.
        reads: (num_angles, num_parameters), what depends on what.
    """

    def __init__(self, evaluate: Callable[[Real], Real], reads: npt.NDArray[np.bool_]) -> None:
        self.evaluate, self._reads = evaluate, reads
        self._together = _without_common_reader(reads)

    def pull(self, parameters: Real, gradient: Real) -> Real:
        """The gradient in the parameters from one in the angles."""
        found = np.zeros_like(parameters)
        if not (self._together and len(parameters)):
            return found
        moves = np.zeros((len(self._together), parameters.shape[1]))
        for move, members in zip(moves, self._together, strict=True):
            move[members] = STEP
        points = parameters + np.concatenate([moves, -moves])[:, None]
        up, down = np.split(self.evaluate(points.reshape(-1, parameters.shape[1])), 2)
        change = np.remainder(up - down + np.pi, 2 * np.pi) - np.pi
        slopes = np.where(abs(change) < LARGEST_MOVE, change / (2 * STEP), 0.0)
        for slope, members in zip(slopes.reshape(len(moves), *gradient.shape), self._together, strict=True):
            found[:, members] = (gradient * slope) @ self._reads[:, members]
        return found


class _Compute(torch.autograd.Function):
    """`_Differences` in torch, once differentiable."""

    @staticmethod
    def forward(ctx: Any, function: _Differences, parameters: Tensor) -> Tensor:
        ctx.function = function
        ctx.save_for_backward(parameters)
        return torch.from_numpy(function.evaluate(_numpy(parameters))).to(parameters)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        (parameters,) = ctx.saved_tensors
        found = ctx.function.pull(_numpy(parameters), _numpy(gradients[0]))
        return None, torch.from_numpy(found).to(parameters)


def _numpy(tensor: Tensor) -> Real:
    return tensor.detach().cpu().double().numpy()


def _dependence(evaluate: Callable[[Real], Real], num_parameters: int) -> npt.NDArray[np.bool_]:
    """Which angles depend on which parameters, (num_angles, num_parameters), by trying a few."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-np.pi, np.pi, (3, 1, num_parameters))
    moved = points + rng.uniform(0.2, 1.0, (3, num_parameters, 1)) * np.eye(num_parameters)
    values = evaluate(np.concatenate([points, moved], axis=1).reshape(-1, num_parameters))
    values = values.reshape(3, 1 + num_parameters, -1)
    change = np.remainder(values[:, 1:] - values[:, :1] + np.pi, 2 * np.pi) - np.pi
    return np.asarray((abs(change) > SAME).any(axis=0).T)


def _without_common_reader(reads: npt.NDArray[np.bool_]) -> list[list[int]]:
    """Parameters that something reads, in groups of which nothing reads two."""
    read = np.flatnonzero(reads.any(axis=0))
    common = reads[:, read].T.astype(int) @ reads[:, read].astype(int) > 0
    np.fill_diagonal(common, False)
    colours = rx.graph_greedy_color(rx.PyGraph.from_adjacency_matrix(common.astype(float)))
    groups: dict[int, list[int]] = {}
    for node in range(len(read)):
        groups.setdefault(colours[node], []).append(int(read[node]))
    return list(groups.values())
