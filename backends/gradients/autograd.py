"""Expectations as one step of autograd's graph, with a gradient of their own.

Autograd records every operation, and on tensors as small as a circuit's the record costs more than the
arithmetic; what is measured leaves no record at all. Executors therefore return with their value a
*pullback*: it takes the gradient of the loss in the value and gives those in the arguments.
`CircuitFunction` makes one step of the graph out of both.

Whatever goes beyond a plain backward pass (second derivatives, forward mode) falls back on the same function
written in torch operations, where there is one. `torch.vmap` needs no such fallback: a batch of calls is one
call with more rows or more groups.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from backends.errors import UserError

Pullback = Callable[[Tensor], tuple[Tensor, ...]]
WithPullback = Callable[[Tensor, Tensor], tuple[Tensor, Pullback]]
Plain = Callable[..., Any]


@dataclass(frozen=True)
class CircuitFunction:
    """Inputs (G, B, n) and weights (G, w) to values (G, B, m), differentiable.

    Works under `torch.func` (grad, vjp, jvp, jacrev, jacfwd, hessian, vmap), in forward mode, and with
    ``create_graph=True``.

    Attributes:
        evaluate: gives values, and the pullback to inputs and weights.
        plain: the same values by torch operations, which autograd can follow to any order; None where values
            are measured, and then derivatives of derivatives are refused.
        context: in which `evaluate` and pullback run.

    Backward passes keep the precision of the values, under autocast too.
    """

    evaluate: WithPullback
    plain: Callable[[Tensor, Tensor], Tensor] | None = None
    context: Callable[[], AbstractContextManager[object]] = nullcontext

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """(G, B, n) and (G, w) to (G, B, m).

        Raises:
            UserError: when a second derivative, or one in forward mode, is taken of what is measured.
        """
        step = _ValueUnderTransforms if torch._C._are_functorch_transforms_active() else _Value
        value: Tensor = step.apply(self, inputs, weights)[0]
        return value

    def required_plain(self, what: str) -> Plain:
        """`plain`.

        Raises:
            UserError: if there is none; `what` says what was asked for.
        """
        if self.plain is None:
            raise UserError(
                f"{what} of a circuit whose values are measured: shift rules and perturbations give first "
                "derivatives in reverse mode only; take the backend statevector without shots"
            )
        return self.plain

    def gradient(self, gradient: Tensor, inputs: Tensor, weights: Tensor) -> Any:
        """The pullback at some arguments, by torch operations."""
        return torch.func.vjp(self.required_plain("a second derivative"), inputs, weights)[1](gradient)


def is_recorded(*tensors: Tensor) -> bool:
    """Whether torch wants to know how a value came about: for a backward pass, a transform, forward mode."""
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        return True
    return torch._C._are_functorch_transforms_active() or torch.autograd.forward_ad._current_level >= 0


def full_precision(tensor: Tensor) -> AbstractContextManager[object]:
    """A context out of reach of autocast."""
    kind = tensor.device.type
    on = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    return torch.autocast(kind, enabled=False) if on else nullcontext()


def traced(function: Callable[..., Tensor], *arguments: Tensor) -> tuple[Tensor, Pullback]:
    """Call a function built of torch operations; its pullback is what autograd finds."""
    if torch.is_inference_mode_enabled():  # nothing can be recorded, and nobody will ask
        return function(*arguments), lambda gradient: ()
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


class _Value(torch.autograd.Function):
    """The values; beside them comes the pullback, which is no tensor."""

    @staticmethod
    def forward(ctx: Any, function: CircuitFunction, *arguments: Tensor) -> tuple[Tensor, Pullback]:
        with function.context():
            output = function.evaluate(*arguments)
        _Value.keep(ctx, (function, *arguments), output)
        return output

    @staticmethod
    def keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Pullback]) -> None:
        """Keep what derivatives need."""
        ctx.function, *arguments = inputs
        ctx.pullback = output[1]
        ctx.save_for_backward(*arguments)
        ctx.save_for_forward(*arguments)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        with full_precision(gradients[0]):
            if torch.is_grad_enabled():  # the gradient is going to be differentiated itself, or may be
                return None, *_Gradient.apply(ctx.function, gradients[0], *ctx.saved_tensors)
            with ctx.function.context():
                return None, *ctx.pullback(gradients[0])

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Tensor, None]:
        plain = ctx.function.required_plain("a forward-mode derivative")
        return _push_forward(plain, ctx.saved_tensors, tangents[1:]), None


class _ValueUnderTransforms(_Value):
    """The same in the form that `torch.func` asks for, which takes longer to call."""

    @staticmethod
    def forward(function: CircuitFunction, *arguments: Tensor) -> Any:  # type: ignore[override]
        with function.context():
            return function.evaluate(*arguments)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        _Value.keep(ctx, inputs, output)

    @staticmethod
    def vmap(info: Any, in_dims: Sequence[Any], function: CircuitFunction, *arguments: Tensor) -> Any:
        inputs, weights = _batch_first(info.batch_size, in_dims[1:], arguments)
        if in_dims[2] is None:  # the batch becomes rows
            rows = inputs.movedim(0, 1).flatten(1, 2)
            value = function(rows, arguments[1]).unflatten(1, (info.batch_size, -1)).movedim(1, 0)
        else:
            value = function(inputs.flatten(0, 1), weights.flatten(0, 1))
            value = value.unflatten(0, (info.batch_size, -1))
        return (value, None), (0, None)


class _Gradient(torch.autograd.Function):
    """The pullback as a function of its own, which can be differentiated."""

    @staticmethod
    def forward(function: CircuitFunction, gradient: Tensor, inputs: Tensor, weights: Tensor) -> Any:
        with function.context():
            return tuple(function.evaluate(inputs, weights)[1](gradient))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.function, *arguments = inputs
        ctx.save_for_backward(*arguments)
        ctx.save_for_forward(*arguments)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        ctx.function.required_plain("a second derivative")
        with full_precision(gradients[0]):
            return None, *torch.func.vjp(ctx.function.gradient, *ctx.saved_tensors)[1](gradients)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        ctx.function.required_plain("a second derivative")
        return _push_forward(ctx.function.gradient, ctx.saved_tensors, tangents[1:])

    @staticmethod
    def vmap(info: Any, in_dims: Sequence[Any], function: CircuitFunction, *arguments: Tensor) -> Any:
        # Each call of the batch has gradients of its own in the weights, so each is a group.
        flat = [each.flatten(0, 1) for each in _batch_first(info.batch_size, in_dims[1:], arguments)]
        found = _Gradient.apply(function, *flat)
        return tuple(each.unflatten(0, (info.batch_size, -1)) for each in found), (0, 0)


def _batch_first(size: int, dims: Sequence[int | None], arguments: Sequence[Tensor]) -> list[Tensor]:
    """Every argument with the batch of `torch.vmap` as its first axis."""
    return [
        argument.expand(size, *argument.shape) if dim is None else argument.movedim(dim, 0)
        for argument, dim in zip(arguments, dims, strict=True)
    ]


def _push_forward(function: Plain, arguments: Sequence[Tensor], tangents: Sequence[Tensor | None]) -> Any:
    """The derivative of a function along tangents, as the pullback of its pullback.

    The pullback is linear in the gradient it takes, so its own pullback is the derivative itself. Forward
    mode would say it more simply, but torch does not nest it.
    """
    along = tuple(
        torch.zeros_like(argument) if tangent is None else tangent
        for argument, tangent in zip(arguments, tangents, strict=True)
    )
    primal = torch.func.vjp(function, *arguments)
    zeros = torch.utils._pytree.tree_map(torch.zeros_like, primal[0])
    return torch.func.vjp(primal[1], zeros)[1](along)[0]
