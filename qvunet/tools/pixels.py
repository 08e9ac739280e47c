"""The one conversion between stored images and the network's range."""

from __future__ import annotations

import torch
from torch import Tensor


def to_model_range(images: Tensor) -> Tensor:
    """Convert uint8 0 to 255 to float32 in [-1, 1]."""
    return images.float() / 127.5 - 1.0


def to_uint8(samples: Tensor) -> Tensor:
    """Convert floats in [-1, 1] to uint8 0 to 255 by rounding; values outside are clipped."""
    return ((samples.clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)


def as_clean(examples: Tensor) -> Tensor:
    """What noise is added to: uint8 images in [-1, 1], and codes as they are."""
    return to_model_range(examples) if examples.dtype == torch.uint8 else examples
