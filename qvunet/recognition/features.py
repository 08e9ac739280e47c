"""What a network sees in an image, as the numbers that metrics compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from backends.errors import UserError


@dataclass(frozen=True)
class Features:
    """Of a set of images.

    Attributes:
        values: (N, D) features.
        logits: (N, K) of the classes that the network knows.
    """

    values: Tensor
    logits: Tensor


@dataclass(frozen=True)
class FeatureNetwork:
    """A network that sees images for the metrics.

    Attributes:
        name: `classifier` or `inception`.
        network: (B, C, H, W) uint8 -> features (B, D), logits (B, K).
        batch_size: images seen together.
        facts: worth stating beside every figure, such as the accuracy.
    """

    name: str
    network: nn.Module
    batch_size: int
    facts: dict[str, Any] = field(default_factory=dict)

    @torch.inference_mode()
    def see(
        self, images: Tensor, device: torch.device, on_progress: Callable[[int], None] = lambda done: None
    ) -> Features:
        """Extract the features of a set.

        Args:
            images: (N, C, H, W) uint8, 0 to 255.
            device: where the network runs.
            on_progress: called with the number of images seen so far.

        Returns:
            Features on the CPU.

        Raises:
            UserError: as `require_pixels`.
        """
        require_pixels(images)
        network = self.network.to(device)
        parts = []
        for start in range(0, len(images), self.batch_size):
            batch = images[start : start + self.batch_size]
            values, logits = network(batch.to(device))
            parts.append((values.cpu(), logits.cpu()))
            on_progress(start + len(batch))
        values, logits = (torch.cat(each) for each in zip(*parts, strict=True))
        return Features(values, logits)


def require_pixels(images: Tensor) -> None:
    """Check that a set of images has the range that features are taken from.

    A set in [0, 1] can arrive in two ways: cast to bytes, which leaves 0 and 1, or converted as if it were in
    [-1, 1], which leaves no pixel below 128. Both are told from the whole set, since one image may be so.

    Args:
        images: (N, C, H, W).

    Raises:
        UserError: unless they are uint8, 0 to 255, and use that range.
    """
    if images.dtype != torch.uint8:
        raise UserError(
            f"images: uint8 from 0 to 255, not {images.dtype}; qvunet.data.to_uint8 converts from [-1, 1]"
        )
    if images.max() == 1:
        raise UserError("images: all pixels are 0 or 1: floats in [0, 1] cast to uint8; 0 to 255 is needed")
    if images.min() >= 128:
        raise UserError(
            "images: no pixel below 128: images in [0, 1] or 0 to 255 were converted as if in [-1, 1]"
        )
