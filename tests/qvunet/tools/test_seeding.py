from __future__ import annotations

import torch

from qvunet.tools.seeding import Stream, make_generator


def draw(*key) -> torch.Tensor:
    return torch.randn(1000, generator=make_generator(*key))


def test_the_same_key_gives_the_same_numbers():
    assert torch.equal(draw(1, Stream.NOISE, 5), draw(1, Stream.NOISE, 5))


def test_each_part_of_the_key_matters():
    reference = draw(1, Stream.NOISE, 5)
    for key in [(2, Stream.NOISE, 5), (1, Stream.SAMPLE, 5), (1, Stream.NOISE, 6), (5, Stream.NOISE, 1)]:
        assert abs(torch.corrcoef(torch.stack([reference, draw(*key)]))[0, 1]) < 0.15
