"""Running the engine on one thread where that is faster.

The tensors of a circuit are small: handing part of one to another thread costs more than the thread
gives, and on a machine that does other work too the two wait for each other, which can cost a hundredfold.
torch keeps the number of threads in one setting, and backward runs whatever is in force by then, so both
passes of a circuit are put into one autograd function that changes the setting and puts it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

Evaluate = Callable[[Tensor, Tensor], Tensor]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch's operations on the CPU use one thread in this context; costs under a microsecond."""
    threads = torch.get_num_threads()
    if threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def on_one_thread(evaluate: Evaluate, inputs: Tensor, weights: Tensor) -> Tensor:
    """Call a function of two tensors so that it and its gradient run on one thread.

    Args:
        evaluate: built of torch operations.
        inputs: first argument.
        weights: second argument.
    """
    if torch.is_grad_enabled() and (inputs.requires_grad or weights.requires_grad):
        return _OnOneThread.apply(evaluate, inputs, weights)
    with one_thread():
        return evaluate(inputs, weights)


class _OnOneThread(torch.autograd.Function):
    """Keeps the graph of `evaluate` to itself and runs it backwards as one step of the outer graph."""

    @staticmethod
    def forward(ctx: Any, evaluate: Evaluate, *arguments: Tensor) -> Tensor:
        inner = [argument.detach().requires_grad_(argument.requires_grad) for argument in arguments]
        with one_thread(), torch.enable_grad():
            ctx.value = evaluate(*inner)
        ctx.save_for_backward(*inner)
        return ctx.value.detach()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        wanted = [tensor for tensor in ctx.saved_tensors if tensor.requires_grad]
        with one_thread(), torch.enable_grad():
            # Given a gradient to start from, torch would first import sympy, which takes half a second.
            start = (ctx.value * gradients[0]).sum()
            # Whether the outer graph will come back is not known here.
            found = iter(torch.autograd.grad(start, wanted, retain_graph=True))
        return None, *(next(found) if tensor.requires_grad else None for tensor in ctx.saved_tensors)
