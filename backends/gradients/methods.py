"""The gradients that options name for what is measured: shift rules, perturbations, the exact engine's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from backends.gradients.autograd import CircuitFunction, Pullback, WithPullback
from backends.measuring.noise_stream import NoiseStream
from backends.options import BackendOptions

Executor = Callable[[Tensor, Tensor], Tensor]
"""(G, B, num_inputs) and (G, num_weights), both radians, to (G, B, num_observables); differentiable."""


def with_gradient(
    measure: WithPullback, exact: WithPullback, options: BackendOptions, noise: NoiseStream
) -> CircuitFunction:
    """What a backend measures, with the gradient that the options name.

    Args:
        measure: values, and their gradient by the parameter-shift rule.
        exact: the same of the exact engine.
        options: `gradient`, and the options of `spsa`.
        noise: where `spsa` takes its directions from.
    """
    if options.gradient == "surrogate":
        return CircuitFunction(Surrogate(measure, exact))
    if options.gradient == "spsa":
        return CircuitFunction(Spsa(measure, options.spsa_directions, options.spsa_step, noise))
    return CircuitFunction(measure)


@dataclass(frozen=True)
class Surrogate:
    """Values from `measure`, gradients from `exact` at the same parameters."""

    measure: WithPullback
    exact: WithPullback

    def __call__(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Pullback]:
        """Values, and their pullback."""
        value, _ = self.measure(inputs, weights)
        return value, lambda gradient: self.exact(inputs, weights)[1](gradient)


@dataclass(frozen=True)
class Spsa:
    """Values from `measure`, gradients from simultaneous perturbations (Spall 1992, doi:10.1109/9.119632).

    All parameters of a row, inputs and weights, move together by `step` times a random sign each:
    ``(f(p + step d) - f(p - step d)) / (2 step) * d`` has the gradient as its mean, but for terms of order
    ``step^2``. A row costs two executions a direction, however many parameters it has.

    Attributes:
        measure: what is differentiated.
        directions: how many such estimates are averaged.
        step: radians.
        noise: where the signs come from.
    """

    measure: WithPullback
    directions: int
    step: float
    noise: NoiseStream

    def __call__(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Pullback]:
        """Values, and their pullback."""
        value, _ = self.measure(inputs, weights)
        return value, lambda gradient: self._estimate(gradient, inputs, weights)

    def _estimate(self, gradient: Tensor, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        num_inputs = inputs.shape[-1]
        rows = torch.cat([inputs, weights.unsqueeze(1).expand(-1, inputs.shape[1], -1)], dim=-1)
        drawn = self.noise.generator().choice([-1.0, 1.0], (self.directions, *rows.shape))
        signs = torch.as_tensor(drawn).to(rows)
        # Every row has weights of its own now, so every row is a group.
        moved = torch.stack([rows + self.step * signs, rows - self.step * signs])
        each = moved.flatten(0, 3)
        values, _ = self.measure(each[:, None, :num_inputs], each[:, num_inputs:])
        plus, minus = values.reshape(*moved.shape[:-1], -1)
        slopes = ((plus - minus) * gradient).sum(-1, keepdim=True) / (2 * self.step)
        estimate = (slopes * signs).mean(0)
        return estimate[..., :num_inputs], estimate[..., num_inputs:].sum(1)
