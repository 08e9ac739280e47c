from __future__ import annotations

import pytest
import torch

from backends.errors import UserError
from qvunet.models.builder import build_unet
from qvunet.models.presets import PRESETS, get_preset


def sides(preset: str, sample_size: int) -> list[int]:
    """Height of the map after each stage."""
    spec = get_preset(preset)
    net = build_unet(spec, sample_size, 1, None)
    seen: list[int] = []
    for path in (net.down, net.vertex, net.up):
        for stage in path.values():
            stage.register_forward_hook(lambda _module, _args, out: seen.append(out.shape[-1]))
    net(torch.zeros(2, 1, sample_size, sample_size), torch.zeros(2, spec.time.dim))
    return seen


@pytest.mark.parametrize(
    ("sample_size", "expected"), [(28, [28, 14, 7, 2]), (32, [32, 16, 8, 4]), (22, [22, 11, 4, 2])]
)
@pytest.mark.parametrize("preset", PRESETS)
def test_sides_go_down_and_come_back(preset, sample_size, expected):
    seen = sides(preset, sample_size)
    assert list(dict.fromkeys(seen)) == expected
    assert seen[-1] == sample_size


@pytest.mark.parametrize("preset", PRESETS)
def test_images_too_small_are_refused_with_the_reason(preset):
    with pytest.raises(UserError, match=r"sample_size = 6: level 2 is 3x3 pixels and cannot be halved"):
        build_unet(get_preset(preset), 6, 1, None)
