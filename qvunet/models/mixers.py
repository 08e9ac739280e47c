"""Circuits in a convolution's place: from feature maps to qubits and back.

A circuit of n qubits reads n / 4 channels of a 2x2 patch: qubit ``4 * channel + pixel``, pixels row by
row. Its outputs return to the places its inputs came from. A larger map is cut into 2x2 patches, stride
2, and each circuit is slid over all of them; at the vertex of a 28x28 network there is one patch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor, nn

from backends import Backend
from qvunet.ansatz import PIXELS, Ansatz

SMALL_INIT_STD = 0.01
"""Standard deviation, in radians, of ``weight_init="small"``."""

WEIGHT_INITS: dict[str, Callable[[Tensor], Tensor]] = {
    "uniform": lambda weight: nn.init.uniform_(weight, 0.0, 2 * pi),
    "small": lambda weight: nn.init.normal_(weight, std=SMALL_INIT_STD),
    "zeros": nn.init.zeros_,
}
"""How circuit weights may start."""


def channels_to_patches(x: Tensor, num_circuits: int) -> Tensor:
    """Cut a map into rows of circuit inputs.

    Args:
        x: (B, C, H, W) with even H and W; circuit j reads channels ``j * C / q`` to ``(j + 1) * C / q``.
        num_circuits: q, a divisor of C.

    Returns:
        (B * P, q, 4 * C / q): image by image, the P = H * W / 4 patches row by row.
    """
    batch, channels, height, width = x.shape
    x = x.reshape(batch, num_circuits, channels // num_circuits, height // 2, 2, width // 2, 2)
    # -> image, patch row, patch column, circuit, channel, pixel row, pixel column
    return x.permute(0, 3, 5, 1, 2, 4, 6).reshape(batch * height * width // PIXELS, num_circuits, -1)


def patches_to_channels(rows: Tensor, height: int, width: int) -> Tensor:
    """Undo `channels_to_patches`.

    Args:
        rows: (B * P, q, n) circuit outputs.
        height: H of the map.
        width: W of the map.

    Returns:
        (B, q * n / 4, H, W).
    """
    _, num_circuits, num_qubits = rows.shape
    x = rows.reshape(-1, height // 2, width // 2, num_circuits, num_qubits // PIXELS, 2, 2)
    return x.permute(0, 3, 4, 1, 5, 2, 6).reshape(-1, num_circuits * num_qubits // PIXELS, height, width)


class PatchCircuits(nn.Module):
    """Applies a core, such as q circuits, to the 2x2 patches of a map.

    Args:
        core: (rows, q, n) angles in radians -> (rows, q, n); any module of that shape.
        num_circuits: q.
        num_channels: channels of the map, q * n / 4.
        encoding_scale: radians of rotation for one unit of activation.
    """

    def __init__(self, core: nn.Module, num_circuits: int, num_channels: int, encoding_scale: float):
        super().__init__()
        self.core = core
        self.num_circuits = num_circuits
        self.num_channels = num_channels
        self.encoding_scale = encoding_scale

    def forward(self, x: Tensor) -> Tensor:
        """(B, num_channels, H, W) -> (B, num_channels, H, W)."""
        angles = self.encoding_scale * channels_to_patches(x, self.num_circuits)
        return patches_to_channels(self.core(angles), x.shape[2], x.shape[3])


class SharedCore(nn.Module):
    """One layer for all q circuits: they differ in their inputs, not in their weights."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, angles: Tensor) -> Tensor:
        """(rows, q, n) -> (rows, q, n)."""
        return self.layer(angles.flatten(0, 1)).view_as(angles)


class Split(nn.Module):
    """Gives each part its own slice of the channels and concatenates what they return.

    Channels beyond the slices are dropped: a half that narrows may leave them to the unit's shortcut.
    """

    def __init__(self, parts: Sequence[nn.Module], sizes: Sequence[int]):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.sizes = list(sizes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H, W)."""
        slices = x[:, : sum(self.sizes)].split(self.sizes, dim=1)
        return torch.cat([part(piece) for part, piece in zip(self.parts, slices, strict=True)], dim=1)


@dataclass(frozen=True)
class CircuitCores:
    """Makes cores of circuits; anything with `num_features` and this call can take its place.

    Attributes:
        ansatz: circuit of n qubits.
        backend: what runs it.
        share: whether all circuits of a core have one weight vector.
        weight_init: a key of `WEIGHT_INITS`.
    """

    ansatz: Ansatz
    backend: Backend
    share: bool
    weight_init: str

    @property
    def num_features(self) -> int:
        """n, the values that one circuit reads and returns."""
        return self.ansatz.num_qubits

    def __call__(self, num_circuits: int) -> nn.Module:
        """A module (rows, q, n) angles in radians -> (rows, q, n) expectations in [-1, 1]."""
        layer = self.backend.layer(self.ansatz, num_circuits=None if self.share else num_circuits)
        WEIGHT_INITS[self.weight_init](layer.weight)
        return SharedCore(layer) if self.share else layer
