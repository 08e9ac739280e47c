"""Cores of circuits, the usual ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor, nn

from backends import Backend
from qvunet.ansatz import Ansatz
from qvunet.ansatz.reuploading import reuploaded

SMALL_INIT_STD = 0.01
"""Standard deviation, in radians, of ``weight_init="small"``."""

WEIGHT_INITS: dict[str, Callable[[Tensor], Tensor]] = {
    "uniform": lambda weight: nn.init.uniform_(weight, 0.0, 2 * pi),
    "small": lambda weight: nn.init.normal_(weight, std=SMALL_INIT_STD),
    "zeros": nn.init.zeros_,
}
"""How circuit weights may start."""


class SharedCore(nn.Module):
    """One layer for all q circuits: they differ in their inputs, not in their weights."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, angles: Tensor) -> Tensor:
        """(rows, q, n) -> (rows, q, n)."""
        return self.layer(angles.flatten(0, 1)).view_as(angles)


class Reuploading(nn.Module):
    """A circuit that reads its angles several times, each time scaled by numbers that are trained.

    Args:
        layer: (rows, q, u * n) angles -> (rows, q, n).
        num_circuits: q.
        uploads: u.
        num_features: n.

    Attributes:
        scale: (q, u, n), 1 at the start.
    """

    def __init__(self, layer: nn.Module, num_circuits: int, uploads: int, num_features: int) -> None:
        super().__init__()
        self.layer = layer
        self.scale = nn.Parameter(torch.ones(num_circuits, uploads, num_features))

    def forward(self, angles: Tensor) -> Tensor:
        """(rows, q, n) -> (rows, q, n)."""
        values: Tensor = self.layer((angles.unsqueeze(2) * self.scale).flatten(2))
        return values


@dataclass(frozen=True)
class CircuitCores:
    """Makes cores of circuits; anything with `num_features` and this call can take its place.

    Attributes:
        ansatz: circuit of n qubits.
        backend: what runs it.
        share: whether all circuits of a core have one weight vector.
        weight_init: a key of `WEIGHT_INITS`.
        uploads: how often it reads its angles.
        trained: whether their weights are to be trained; else they stay as they start.
    """

    ansatz: Ansatz
    backend: Backend
    share: bool
    weight_init: str
    uploads: int = 1
    trained: bool = True

    @property
    def num_features(self) -> int:
        """n, the values that one circuit reads."""
        return len(self.ansatz.inputs)

    @property
    def num_values(self) -> int:
        """One for each observable."""
        return len(self.ansatz.observables)

    def __call__(self, num_circuits: int) -> nn.Module:
        """A module (rows, q, n) angles in radians -> (rows, q, n) expectations in [-1, 1]."""
        circuit = reuploaded(self.ansatz, self.uploads)
        layer = self.backend.layer(circuit, num_circuits=None if self.share else num_circuits)
        WEIGHT_INITS[self.weight_init](layer.weight)
        layer.requires_grad_(self.trained)
        core = SharedCore(layer) if self.share else layer
        if self.uploads == 1:
            return core
        return Reuploading(core, num_circuits, self.uploads, self.num_features)
