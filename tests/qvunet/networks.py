"""Networks and inputs for tests."""

from __future__ import annotations

import torch

from qvunet import QVUNet


def build(*, double: bool = True, **options) -> QVUNet:
    """A network for 16x16 images, whose vertex is 2x2 pixels as with 28x28."""
    torch.manual_seed(0)
    net = QVUNet.from_preset(**{"sample_size": 16} | options)
    return net.double() if double else net


def batch(net: QVUNet, size: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    shape = (size, net.config.in_channels, net.config.sample_size, net.config.sample_size)
    sample = torch.randn(shape, generator=generator, dtype=net.dtype)
    return sample, torch.randint(1000, (size,), generator=generator)
