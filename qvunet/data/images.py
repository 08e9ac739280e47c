"""Image sets, whole in memory, and the one conversion to the network's range."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ImageSet:
    """Images with their classes.

    Attributes:
        images: (N, C, H, W) uint8, 0 to 255.
        labels: (N,) int64 class numbers.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Tensor) -> ImageSet:
        """The images at `index`, in its order."""
        return ImageSet(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Dataset:
    """What training sees and what it never sees."""

    train: ImageSet
    holdout: ImageSet


def to_model_range(images: Tensor) -> Tensor:
    """Convert uint8 0 to 255 to float32 in [-1, 1]."""
    return images.float() / 127.5 - 1.0


def to_uint8(samples: Tensor) -> Tensor:
    """Convert floats in [-1, 1] to uint8 0 to 255 by rounding; values outside are clipped."""
    return ((samples.clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)
