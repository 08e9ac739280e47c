"""Images of other sizes and channels as a config wants them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_TOGETHER = 1024
"""Images resized at once: torch resizes in floating point, four times the memory."""

_LUMA = (19595, 38470, 7471)
"""Of red, green and blue, of 65,536: ITU-R 601, rounded as Pillow does."""


def fit_images(images: Tensor, channels: int, size: int) -> Tensor:
    """Bring images to the channels and size of a config, by their centre square.

    Args:
        images: (N, 1 or 3, H, W) uint8.
        channels: 1 or 3.
        size: height and width in pixels.

    Returns:
        (N, channels, size, size) uint8.
    """
    if images.shape[1:] == (channels, size, size):
        return images
    return torch.cat([_fit(each, channels, size) for each in images.split(_TOGETHER)])


def _fit(images: Tensor, channels: int, size: int) -> Tensor:
    if images.shape[1] > channels:
        images = _grey(images)
    images = images.expand(-1, channels, -1, -1)
    if images.shape[-2:] == (size, size):
        return images
    height, width = images.shape[-2:]
    short = min(height, width)
    fitted = functional.interpolate(
        images, (size * height // short, size * width // short), mode="bicubic", antialias=True
    )
    top, left = (round((side - size) / 2) for side in fitted.shape[-2:])
    return fitted[..., top : top + size, left : left + size]


def _grey(images: Tensor) -> Tensor:
    weights = torch.tensor(_LUMA).reshape(1, 3, 1, 1)
    return ((images * weights).sum(dim=1, keepdim=True).add(0x8000) >> 16).to(torch.uint8)
