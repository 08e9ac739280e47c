from __future__ import annotations

import pytest
import torch
from torch import nn

from qvunet.models.mixers import (
    PatchCircuits,
    Split,
    channels_to_patches,
    patches_to_channels,
)


@pytest.mark.parametrize(("height", "width"), [(2, 2), (6, 4)])
def test_every_value_reaches_its_qubit(height, width):
    batch, circuits, channels = 2, 3, 3
    x = torch.arange(batch * circuits * channels * height * width).view(batch, -1, height, width)
    rows = channels_to_patches(x, circuits)
    assert rows.shape == (batch * height * width // 4, circuits, 4 * channels)
    patches = [(b, r, c) for b in range(batch) for r in range(height // 2) for c in range(width // 2)]
    for row, (b, r, c) in enumerate(patches):
        for circuit in range(circuits):
            for channel in range(channels):
                for pixel in range(4):
                    value = x[b, 3 * circuit + channel, 2 * r + pixel // 2, 2 * c + pixel % 2]
                    assert rows[row, circuit, 4 * channel + pixel] == value


@pytest.mark.parametrize(("circuits", "height", "width"), [(1, 2, 2), (4, 2, 2), (2, 14, 14), (3, 6, 4)])
def test_patches_return_to_their_places(circuits, height, width):
    x = torch.randn(3, 12, height, width)
    assert torch.equal(patches_to_channels(channels_to_patches(x, circuits), height, width), x)


def test_patch_circuits_scale_activations_to_radians():
    x = torch.randn(2, 6, 4, 4)
    torch.testing.assert_close(PatchCircuits(nn.Identity(), 2, 6, encoding_scale=0.5)(x), 0.5 * x)


def test_split_gives_each_part_its_slice_and_drops_the_rest():
    x = torch.ones(1, 6, 1, 1) * torch.arange(6).view(1, 6, 1, 1)
    out = Split([nn.Identity(), nn.Threshold(10, -1.0)], [2, 3])(x)
    assert out.flatten().tolist() == [0, 1, -1, -1, -1]
