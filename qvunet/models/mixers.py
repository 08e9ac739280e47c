"""Circuits in a convolution's place: from feature maps to qubits and back.

A circuit of n qubits reads n / 4 channels of a 2x2 patch: qubit ``4 * channel + pixel``, pixels row by
row. Its outputs return to the places its inputs came from. A larger map is cut into 2x2 patches, stride
2, and each circuit is slid over all of them; at the vertex of a 28x28 network there is one patch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from qvunet.ansatz import PIXELS


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
