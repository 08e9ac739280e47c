from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from qvunet.models.blocks import (
    FilmUnit,
    Mixers,
    NearestUpsample,
    PreNormUnit,
    WeightStandardizedConv2d,
    transposed_upsample,
)


class Recorder(nn.Module):
    """Passes its input on and remembers it."""

    def forward(self, x):
        self.seen = x
        return x


def test_standardized_convolution_standardizes_each_filter():
    conv = WeightStandardizedConv2d(6, 5, 3, padding=1).double()
    x = torch.randn(2, 6, 7, 7, dtype=torch.float64)
    variance, mean = torch.var_mean(conv.weight, dim=(1, 2, 3), correction=0, keepdim=True)
    expected = F.conv2d(x, (conv.weight - mean) / torch.sqrt(variance + 1e-5), conv.bias, padding=1)
    torch.testing.assert_close(conv(x), expected)
    conv.weight.data = 3 * conv.weight.data + 1
    torch.testing.assert_close(conv(x), expected, rtol=1e-3, atol=1e-3)


def test_film_unit_scales_and_shifts_between_its_halves():
    second = Recorder()
    unit = FilmUnit(4, 4, 3, 2, Mixers(nn.Identity(), nn.Identity(), second)).double()
    x, emb = torch.randn(2, 4, 6, 6).double(), torch.randn(2, 3).double()
    scale, shift = unit.time(F.silu(emb))[:, :, None, None].chunk(2, dim=1)
    expected = F.silu(F.group_norm(x, 2) * (1 + scale) + shift)
    out = unit(x, emb)
    torch.testing.assert_close(second.seen, expected)
    torch.testing.assert_close(out, F.silu(F.group_norm(expected, 2)) + x)


def test_prenorm_unit_adds_the_timestep_and_always_projects_its_input():
    second = Recorder()
    unit = PreNormUnit(4, 4, 3, 2, Mixers(nn.Identity(), nn.Identity(), second)).double()
    x, emb = torch.randn(2, 4, 6, 6).double(), torch.randn(2, 3).double()
    h = F.silu(F.group_norm(x, 2)) + unit.time(F.silu(emb))[:, :, None, None]
    out = unit(x, emb)
    torch.testing.assert_close(second.seen, F.silu(F.group_norm(h, 2)))
    torch.testing.assert_close(out, second.seen + unit.shortcut(x))


@pytest.mark.parametrize("unit", [FilmUnit, PreNormUnit])
def test_entry_changes_what_the_first_half_sees_and_not_the_shortcut(unit):
    torch.manual_seed(0)
    x, emb = torch.randn(2, 4, 2, 2), torch.randn(2, 3)
    made = unit(4, 4, 3, 2, Mixers(nn.Flatten(0, 0), nn.Identity(), nn.Identity()))
    plain = made(x, emb)
    made.entry = nn.Threshold(1e9, 0.0)  # everything becomes 0
    changed = made(x, emb)
    assert not torch.allclose(plain, changed)
    branch = changed - made.shortcut(x)
    torch.testing.assert_close(made(2 * x, emb) - made.shortcut(2 * x), branch)


@pytest.mark.parametrize("side", range(5, 17))
def test_upsampling_returns_to_the_side_before(side):
    small = torch.zeros(1, 3, *[(side - 3) // 2 if side % 2 else side // 2] * 2)
    for module in (NearestUpsample(3, 5, side), transposed_upsample(3, 5, side)):
        assert module(small).shape == (1, 5, side, side)
