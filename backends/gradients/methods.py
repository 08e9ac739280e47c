"""Gradients that need nothing but values: from the exact engine, or from simultaneous perturbations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from backends.measuring.noise_stream import NoiseStream
from backends.options import BackendOptions

Executor = Callable[[Tensor, Tensor], Tensor]
"""(G, B, num_inputs) and (G, num_weights), both radians, to (G, B, num_observables); differentiable."""


def with_gradient(
    measure: Executor, exact: Executor, options: BackendOptions, noise: NoiseStream
) -> Executor:
    """Give an executor the gradient that the options name.

    Args:
        measure: what the backend measures; its own gradient is the parameter-shift rule.
        exact: the exact engine for the same circuit.
        options: `gradient`, and the options of `spsa`.
        noise: where `spsa` takes its directions from.
    """
    if options.gradient == "surrogate":
        return surrogate(measure, exact)
    if options.gradient == "spsa":
        return spsa(measure, options.spsa_directions, options.spsa_step, noise)
    return measure


def surrogate(measure: Executor, exact: Executor) -> Executor:
    """Values from `measure`, gradients from `exact` at the same parameters."""

    def execute(inputs: Tensor, weights: Tensor) -> Tensor:
        with torch.no_grad():
            measured = measure(inputs, weights)
        if not torch.is_grad_enabled():
            return measured
        value = exact(inputs, weights)
        return _Surrogate.apply(value, measured)

    return execute


def spsa(measure: Executor, directions: int, step: float, noise: NoiseStream) -> Executor:
    """Values from `measure`, gradients from simultaneous perturbations (Spall 1992, doi:10.1109/9.119632).

    All parameters of a row, inputs and weights, move together by `step` times a random sign each:
    ``(f(p + step d) - f(p - step d)) / (2 step) * d`` has the gradient as its mean, but for terms of order
    ``step^2``. A row costs two executions a direction, however many parameters it has.

    Args:
        measure: what is differentiated.
        directions: how many such estimates are averaged.
        step: radians.
        noise: where the signs come from.
    """

    def execute(inputs: Tensor, weights: Tensor) -> Tensor:
        return _Spsa.apply(inputs, weights, measure, directions, step, noise)

    return execute


class _Surrogate(torch.autograd.Function):
    """Takes the place of a value without touching its gradient; a sum of differences would round."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, measured: Tensor) -> Tensor:
        return measured.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class _Spsa(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weights: Tensor,
        measure: Executor,
        directions: int,
        step: float,
        noise: NoiseStream,
    ) -> Tensor:
        ctx.save_for_backward(inputs, weights)
        ctx.settings = measure, directions, step, noise
        return measure(inputs, weights)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weights = ctx.saved_tensors
        measure, directions, step, noise = ctx.settings
        rows = torch.cat([inputs, weights.unsqueeze(1).expand(-1, inputs.shape[1], -1)], dim=-1)
        signs = torch.as_tensor(noise.generator().choice([-1.0, 1.0], (directions, *rows.shape))).to(rows)
        moved = torch.stack([rows + step * signs, rows - step * signs])  # (2, directions, G, B, parameters)
        with torch.no_grad():  # every row has weights of its own now, so every row is a group
            each = moved.flatten(0, 3)
            num_inputs = inputs.shape[-1]
            values = measure(each[:, None, :num_inputs], each[:, num_inputs:])
        plus, minus = values.reshape(*moved.shape[:-1], -1)
        slopes = ((plus - minus) * gradients[0]).sum(-1, keepdim=True) / (2 * step)
        estimate = (slopes * signs).mean(0)
        return estimate[..., :num_inputs], estimate[..., num_inputs:].sum(1), None, None, None, None
