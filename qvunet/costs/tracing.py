"""One example sent through a network, to see what its parts return and what its circuits are asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from backends import CircuitLayer
from qvunet.models.network import HybridNetwork, on_exact_engine


@dataclass(frozen=True)
class Trace:
    """What happened to one example.

    Attributes:
        shapes: (C, H, W) that each module which returns a map returned, by its name in the network.
        rows: parameter sets that each circuit layer evaluated, by its name, in the order of evaluation.
    """

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)


@torch.no_grad()
def trace(model: HybridNetwork) -> Trace:
    """Send one example through a network, its circuits on the exact engine whatever their backend."""
    found = Trace()
    with _watched(model, found), on_exact_engine(model):
        model(*model.example())
    return found


@contextmanager
def _watched(model: nn.Module, found: Trace) -> Iterator[None]:
    """Note every call of a module in `found`."""

    def note(name: str, module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        if isinstance(module, CircuitLayer):
            found.rows[name] = inputs[0].numel() // len(module.ansatz.inputs)
        elif isinstance(output, Tensor) and output.dim() == 4:
            found.shapes[name] = tuple(output.shape[1:])

    hooks = [module.register_forward_hook(partial(note, name)) for name, module in model.named_modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
