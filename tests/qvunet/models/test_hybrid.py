from __future__ import annotations

import pytest
import torch
from torch import nn

from backends import make_backend
from backends.errors import UserError
from qvunet.ansatz import hqconv
from qvunet.models.blocks import conv3x3
from qvunet.models.hybrid import Degree, Hybrid, Site, make_hybrid
from qvunet.models.presets import get_preset


class Doubling:
    """Stands where circuits stand: returns twice what it reads."""

    def __init__(self, num_features: int):
        self.num_features = num_features

    def __call__(self, num_circuits: int) -> nn.Module:
        class Twice(nn.Module):
            def forward(self, angles):
                assert angles.shape[1] == num_circuits
                return 2 * angles

        return Twice()


def hybrid(placement: str = "parallel", degree: Degree | None = None) -> Hybrid:
    return Hybrid(
        cores=Doubling(12),
        remainder_cores=Doubling(4),
        placement=placement,
        vertex=[degree or Degree("num_circuits", 2)],
        quanv_levels=(2,),
        quanv=Degree("quanv_circuits", 1),
        encoding_scale=1.0,
    )


def site(channels: int = 10, width: int = 10, side: int = 2) -> Site:
    return Site("here", channels, width, side, conv3x3)


@pytest.mark.parametrize(
    ("fraction", "channels", "expected"),
    [
        (0.1, 40, (1, 0)),
        (0.5, 40, (7, 0)),
        (1, 40, (13, 1)),
        (0.1, 256, (8, 0)),
        (0.1, 128, (4, 0)),
        (1, 128, (42, 2)),
        (0.99, 41, (13, 0)),  # 40 channels would round to 13.3; 14 would not fit
    ],
)
def test_fraction_of_channels_to_circuits(fraction, channels, expected):
    assert Degree("hybridization", fraction).allot(channels, 3, "here") == expected


def test_fraction_is_the_decimal_that_was_written():
    assert int(0.29 * 100) == 28
    assert Degree("hybridization", 0.29).allot(100, 1, "here") == (29, 0)


def test_numbers_of_circuits_are_taken_as_they_are_or_refused():
    assert Degree("num_circuits", 13).allot(40, 3, "here") == (13, 0)
    with pytest.raises(UserError, match=r"num_circuits = 14: here has 40 channels .* at most 13"):
        Degree("num_circuits", 14).allot(40, 3, "here")
    with pytest.raises(UserError, match=r"hybridization = 0\.01: .* less than one circuit"):
        Degree("hybridization", 0.01).allot(40, 3, "here")


def test_parallel_runs_circuits_beside_the_convolution_in_both_halves():
    mixers = hybrid().vertex_mixers(0, site())
    x = torch.randn(2, 10, 2, 2)
    for half in (mixers.first, mixers.second):
        out = half(x)
        torch.testing.assert_close(out[:, :6], 2 * x[:, :6])
        torch.testing.assert_close(out[:, 6:], half.parts[-1](x[:, 6:]))
    assert torch.equal(mixers.entry(x), x)


def test_parallel_at_one_hundred_percent_leaves_no_convolution():
    mixers = hybrid(degree=Degree("hybridization", 1)).vertex_mixers(0, site())
    x = torch.randn(2, 10, 2, 2)
    torch.testing.assert_close(mixers.first(x), 2 * x)
    assert not any(isinstance(m, nn.Conv2d) for half in mixers for m in half.modules())


def test_parallel_in_a_unit_that_narrows_or_widens():
    narrowing = hybrid(degree=Degree("hybridization", 1)).vertex_mixers(0, site(12, 6))
    assert narrowing.first(torch.randn(2, 12, 2, 2)).shape == (2, 6, 2, 2)
    widening = hybrid().vertex_mixers(0, site(8, 12))
    assert widening.first(torch.randn(2, 8, 2, 2)).shape == (2, 12, 2, 2)
    with pytest.raises(UserError, match=r"here: circuits take all 6 channels .* return 12"):
        hybrid().vertex_mixers(0, site(6, 12))


def test_before_conv_replaces_the_first_channels_of_the_input():
    mixers = hybrid("before_conv").vertex_mixers(0, site())
    x = torch.randn(2, 10, 2, 2)
    torch.testing.assert_close(mixers.entry(x), torch.cat((2 * x[:, :6], x[:, 6:]), dim=1))
    assert isinstance(mixers.first, nn.Conv2d)
    assert isinstance(mixers.second, nn.Conv2d)
    full = hybrid("before_conv", Degree("hybridization", 1)).vertex_mixers(0, site())
    torch.testing.assert_close(full.entry(x), 2 * x)


def test_quanv_levels_and_units_of_degree_zero():
    x = torch.randn(2, 10, 14, 14)
    first = hybrid().quanv_mixers(2, site(side=14)).first
    torch.testing.assert_close(first(x)[:, :3], 2 * x[:, :3])
    assert isinstance(hybrid().quanv_mixers(1, site(side=28)).first, nn.Conv2d)
    assert isinstance(hybrid(degree=Degree("hybridization", 0)).vertex_mixers(0, site()).first, nn.Conv2d)


def test_an_odd_side_is_refused_with_the_reason():
    with pytest.raises(UserError, match=r"sample_size: here is 7x7 pixels, .* side must be even"):
        hybrid().vertex_mixers(0, site(side=7))


OPTIONS = {
    "circuit": hqconv(),
    "hybridization": 0.1,
    "num_circuits": None,
    "placement": None,
    "quanv": False,
    "quanv_levels": (2,),
    "quanv_circuits": 1,
    "encoding_scale": 1.0,
    "share_circuits": False,
    "weight_init": "uniform",
    "core": "circuits",
}


def made(preset: str = "compact", **changes) -> Hybrid:
    return make_hybrid(get_preset(preset), make_backend("statevector"), **OPTIONS | changes)


def test_a_preset_has_its_own_placement():
    assert made("compact").placement == "parallel"
    assert made("wide").placement == "before_conv"
    assert made("wide", placement="parallel").placement == "parallel"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"placement": "beside"}, r"placement = 'beside': allowed are parallel, before_conv"),
        ({"weight_init": "ones"}, r"weight_init = 'ones': allowed are uniform, small, zeros"),
        ({"core": "pipes"}, r"core = 'pipes': allowed are circuits, frozen"),
        ({"hybridization": 1.5}, r"hybridization = 1\.5: must be between 0 and 1"),
        ({"hybridization": 0.0}, r"hybridization = 0: no circuit is left"),
        ({"num_circuits": (0, 0)}, r"num_circuits = 0: no circuit is left"),
        ({"num_circuits": (1, 2, 3)}, r"num_circuits = \(1, 2, 3\): .* the vertex's 2 units"),
        ({"num_circuits": -1}, r"num_circuits = -1"),
        ({"quanv": True, "quanv_levels": (5,)}, r"quanv_levels = \[5\]: allowed are \[1, 2, 3, 4\]"),
        ({"quanv": True, "quanv_levels": ()}, r"quanv_levels = \[\]"),
        ({"quanv": True, "quanv_circuits": 0}, r"quanv_circuits = 0: must be at least 1"),
    ],
)
def test_options_that_are_not_allowed(changes, message):
    with pytest.raises(UserError, match=message):
        made(**changes)
