from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from backends.errors import UserError
from qvunet.config.options import DigitsOptions
from qvunet.data import load_data
from qvunet.recognition.features import FeatureNetwork, require_pixels
from qvunet.tools.pixels import to_uint8

CPU = torch.device("cpu")


class RowSums(nn.Module):
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        values = images.double().sum(dim=3).flatten(1)
        return values, -values


@pytest.fixture(scope="module")
def digits() -> Tensor:
    return load_data(DigitsOptions(image_size=8)).train.images[:100]


def test_batches_do_not_matter(digits):
    seen: list[int] = []
    features = FeatureNetwork("sums", RowSums(), batch_size=30).see(digits, CPU, seen.append)
    assert torch.equal(features.values, digits.double().sum(dim=3).flatten(1))
    assert torch.equal(features.logits, -features.values)
    assert seen == [30, 60, 90, 100]


def test_a_set_in_0_to_1_is_caught_however_it_came(digits):
    in_0_1 = digits / 255
    with pytest.raises(UserError, match="uint8"):
        require_pixels(in_0_1)
    with pytest.raises(UserError, match="no pixel below 128"):
        require_pixels(to_uint8(in_0_1))
    with pytest.raises(UserError, match="0 or 1"):
        require_pixels(in_0_1.to(torch.uint8))
    with pytest.raises(UserError, match="no pixel below 128"):
        require_pixels(to_uint8(digits.float()))
    require_pixels(digits)
    require_pixels(to_uint8(2 * in_0_1 - 1))


def test_extraction_refuses_such_a_set(digits):
    with pytest.raises(UserError, match="no pixel below 128"):
        FeatureNetwork("sums", RowSums(), 30).see(to_uint8(digits / 255), CPU)


def test_a_black_image_among_others_is_allowed(digits):
    require_pixels(torch.cat([digits, torch.zeros_like(digits[:1])]))
    require_pixels(torch.zeros_like(digits))
