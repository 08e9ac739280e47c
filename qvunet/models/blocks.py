"""Residual units, resampling and output layers of both U-Net styles.

A unit receives its mixers ready-made and does not know what is in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qvunet.models.presets import Kernel


class Mixers(NamedTuple):
    """The parts of a unit that mix channels.

    Attributes:
        entry: (B, C, H, W) -> (B, C, H, W), applied to the input of the first half.
        first: (B, C, H, W) -> (B, width, H, W), the first half's convolution or what stands for it.
        second: (B, width, H, W) -> (B, width, H, W), the second half's.
    """

    entry: nn.Module
    first: nn.Module
    second: nn.Module


MIXER_PLACES = {"entry": "input", "mixer1": "first half", "mixer2": "second half"}
"""Where in a unit its mixers are, by the names that every unit gives them."""


class WeightStandardizedConv2d(nn.Conv2d):
    """Convolution whose filters have zero mean and unit variance (Qiao et al. 2019, arXiv:1903.10520)."""

    eps = 1e-5

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H, W)."""
        # batch_norm in training mode over one "batch" standardises each filter in a single fused kernel.
        flat = self.weight.reshape(1, self.out_channels, -1)
        standardized = F.batch_norm(flat, None, None, training=True, momentum=0.0, eps=self.eps)
        return self._conv_forward(x, standardized.view_as(self.weight), self.bias)


class FilmUnit(nn.Module):
    """Residual unit of De Falco et al.: the timestep scales and shifts between the halves.

    Half: mixer, GroupNorm, (scale, shift), SiLU; mixer, GroupNorm, SiLU; plus the input, through a 1x1
    convolution where the widths differ.

    Where a group is one channel (width 10) GroupNorm takes the mixer's bias out again: it has no effect, and
    is there for the published parameter count.
    """

    def __init__(self, channels: int, width: int, time_dim: int, groups: int, mixers: Mixers):
        super().__init__()
        self.entry = mixers.entry
        self.time = nn.Linear(time_dim, 2 * width)
        self.mixer1 = mixers.first
        self.norm1 = nn.GroupNorm(groups, width)
        self.mixer2 = mixers.second
        self.norm2 = nn.GroupNorm(groups, width)
        self.shortcut = nn.Conv2d(channels, width, 1) if channels != width else nn.Identity()

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """(B, C, H, W) map, (B, time_dim) embedding -> (B, width, H, W)."""
        scale, shift = self.time(F.silu(emb))[:, :, None, None].chunk(2, dim=1)
        h = self.norm1(self.mixer1(self.entry(x)))
        h = F.silu(torch.addcmul(shift, h, 1 + scale))
        h = F.silu(self.norm2(self.mixer2(h)))
        return h + self.shortcut(x)


class PreNormUnit(nn.Module):
    """Residual unit of Capece's network: GroupNorm and SiLU come first, the timestep is added.

    GroupNorm, SiLU, mixer; plus Linear(SiLU(time)); GroupNorm, SiLU, mixer; plus a 1x1 convolution of
    the input, which is always there.
    """

    def __init__(self, channels: int, width: int, time_dim: int, groups: int, mixers: Mixers):
        super().__init__()
        self.entry = mixers.entry
        self.time = nn.Linear(time_dim, width)
        self.norm1 = nn.GroupNorm(groups, channels)
        self.mixer1 = mixers.first
        self.norm2 = nn.GroupNorm(groups, width)
        self.mixer2 = mixers.second
        self.shortcut = nn.Conv2d(channels, width, 1)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """(B, C, H, W) map, (B, time_dim) embedding -> (B, width, H, W)."""
        h = self.mixer1(F.silu(self.norm1(self.entry(x))))
        h = h + self.time(F.silu(emb))[:, :, None, None]
        h = self.mixer2(F.silu(self.norm2(h)))
        return h + self.shortcut(x)


class NearestUpsample(nn.Module):
    """Nearest-neighbour resize to a given side, then a 3x3 convolution."""

    def __init__(self, channels: int, width: int, side: int):
        super().__init__()
        self.side = side
        self.conv = nn.Conv2d(channels, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, width, side, side)."""
        return self.conv(F.interpolate(x, size=(self.side, self.side), mode="nearest"))


def transposed_upsample(channels: int, width: int, side: int) -> nn.Module:
    """Transposed convolution to `side`, the reverse of the downsampling of an even or an odd side."""
    kernel = Kernel(4, padding=1) if side % 2 == 0 else Kernel(5, padding=0)
    return nn.ConvTranspose2d(channels, width, kernel.size, stride=2, padding=kernel.padding)


def downsample(channels: int, width: int, kernel: Kernel) -> nn.Module:
    """Strided convolution."""
    return nn.Conv2d(channels, width, kernel.size, stride=2, padding=kernel.padding)


def conv3x3(channels: int, width: int) -> nn.Module:
    """Convolution that keeps the side."""
    return nn.Conv2d(channels, width, 3, padding=1)


def standardized_conv3x3(channels: int, width: int) -> nn.Module:
    """Weight-standardised convolution that keeps the side."""
    return WeightStandardizedConv2d(channels, width, 3, padding=1)


def film_head(channels: int, out_channels: int, groups: int) -> nn.Module:
    """1x1 convolution."""
    return nn.Conv2d(channels, out_channels, 1)


def prenorm_head(channels: int, out_channels: int, groups: int) -> nn.Module:
    """GroupNorm, SiLU, 3x3 convolution."""
    return nn.Sequential(nn.GroupNorm(groups, channels), nn.SiLU(), conv3x3(channels, out_channels))


@dataclass(frozen=True)
class Style:
    """What the units and the output layer of a preset are made of.

    Attributes:
        unit: residual unit, called with channels, width, time_dim, groups and `Mixers`.
        conv: the convolution of a unit's half, called with channels and width.
        head: output layer, called with channels, out_channels and groups.
    """

    unit: Callable[[int, int, int, int, Mixers], nn.Module]
    conv: Callable[[int, int], nn.Module]
    head: Callable[[int, int, int], nn.Module]


STYLES = {
    "film": Style(FilmUnit, standardized_conv3x3, film_head),
    "prenorm": Style(PreNormUnit, conv3x3, prenorm_head),
}
"""The styles a `Preset` can name."""

UPSAMPLERS: dict[str, Callable[[int, int, int], nn.Module]] = {
    "nearest": NearestUpsample,
    "transposed": transposed_upsample,
}
"""The upsamplings a `Preset` can name, called with channels, width and the new side."""
