from __future__ import annotations

import torch

from qvunet.tools.pixels import to_model_range, to_uint8


def test_the_ranges_invert_each_other():
    pixels = torch.arange(256, dtype=torch.uint8)
    floats = to_model_range(pixels)
    assert (floats.min(), floats.max()) == (-1, 1)
    assert torch.equal(to_uint8(floats), pixels)
    assert to_uint8(torch.tensor([-2.0, 2.0, -0.001])).tolist() == [0, 255, 127]
