"""Forward and backward for systems that are differentiated by torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from qvunet.reports.benchmark.problem import Problem

Call = Callable[[], Sequence[Tensor]]


def forward_backward(
    layer: Callable[[Tensor], Tensor], weights: Sequence[Tensor], problem: Problem, dtype: torch.dtype
) -> Call:
    """One call of `layer` and of its gradients in the inputs and in `weights`.

    Args:
        layer: (rows, n) to (rows, n).
        weights: its leaves: one vector, or single angles in the order of the problem's weights.
        problem: inputs and cotangent.
        dtype: of the inputs.
    """
    inputs = torch.as_tensor(problem.inputs, dtype=dtype).requires_grad_()
    cotangent = torch.as_tensor(problem.cotangent)

    def call() -> Sequence[Tensor]:
        values = layer(inputs)
        objective = (values * cotangent).sum()
        inputs_grad, *weights_grad = torch.autograd.grad(objective, (inputs, *weights))
        return values.detach(), inputs_grad, torch.cat([grad.reshape(-1) for grad in weights_grad])

    return call


def leaf(values: object, dtype: torch.dtype) -> Tensor:
    """A tensor that gradients are asked of."""
    return torch.as_tensor(values, dtype=dtype).clone().requires_grad_()
