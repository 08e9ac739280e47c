"""Functions that bring their own gradient.

Autograd records every operation, and on tensors as small as a circuit's the record costs more than the
arithmetic. The exact engine's functions therefore return with their value a *pullback*: it takes the
gradient of the loss in the value and gives the gradients in the arguments. `differentiable` makes one step
of autograd's graph out of such a function, both passes of it in a context of the caller's choice; `traced`
goes the other way.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

Pullback = Callable[[Tensor], tuple[Tensor, ...]]
WithPullback = Callable[..., tuple[Tensor, Pullback]]


def differentiable(
    evaluate: WithPullback, context: Callable[[], AbstractContextManager[object]], *arguments: Tensor
) -> Tensor:
    """Call a function that returns its pullback as one step of autograd's graph.

    Args:
        evaluate: the function.
        context: in which it and its pullback run.
        arguments: what it is called with.
    """
    return _Step.apply(evaluate, context, *arguments)


def traced(function: Callable[..., Tensor], *arguments: Tensor) -> tuple[Tensor, Pullback]:
    """Call a function built of torch operations; its pullback is what autograd finds."""
    inner = [argument.detach().requires_grad_() for argument in arguments]
    with torch.enable_grad():
        value = function(*inner)

    def pullback(gradient: Tensor) -> tuple[Tensor, ...]:
        with torch.enable_grad():
            # Given a gradient to start from, torch would first import sympy, which takes half a second.
            start = (value * gradient).sum()
        # Whether the outer graph will come back is not known here.
        return torch.autograd.grad(start, inner, retain_graph=True, materialize_grads=True)

    return value.detach(), pullback


class _Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, evaluate: WithPullback, context: Any, *arguments: Tensor) -> Tensor:
        ctx.context = context
        with context():
            value, ctx.pullback = evaluate(*arguments)
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        with ctx.context():
            return None, None, *ctx.pullback(gradients[0])
