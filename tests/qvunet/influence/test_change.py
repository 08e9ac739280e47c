from __future__ import annotations

import math

import pytest
import torch

from qvunet.influence.change import relative_change, relative_difference


def test_a_change_of_every_loss_by_the_same_part_is_certain():
    before = torch.rand(50) + 0.1
    change = relative_change(before, 1.083 * before)
    assert change.value == pytest.approx(0.083)
    assert change.margin == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("n", [10, 60])
@pytest.mark.parametrize("effect", [0.0, 0.05])
def test_intervals_cover_the_truth_in_95_of_100_draws(n, effect):
    """Skewed losses and differences that depend on them, as those of images are."""
    generator = torch.Generator().manual_seed(n)
    draws = 3000

    def images(shape):
        losses = torch.randn(shape, generator=generator, dtype=torch.double).mul(0.5).exp()
        noise = torch.randn(shape, generator=generator, dtype=torch.double)
        return losses, losses * (1 + effect) + 0.05 * losses.sqrt() * noise

    covered = 0
    for before, after in zip(*images((draws, n)), strict=True):
        change = relative_change(before, after)
        covered += change.low <= effect <= change.high
    spread = math.sqrt(0.95 * 0.05 / draws)
    assert abs(covered / draws - 0.95) < 4 * spread + 0.01  # a ratio of few images is a little too sure


def test_pairs_are_what_makes_it_sharp():
    before = torch.rand(100) + 0.5
    after = before + 0.001 * torch.randn(100)
    assert (
        relative_change(before, after).margin
        < 0.01 * relative_change(before, after[torch.randperm(100)]).margin
    )


def test_the_difference_of_predictions_is_relative_to_them():
    before = torch.tensor([[3.0, 4.0]])
    assert relative_difference(before, before + torch.tensor([[0.3, 0.4]])) == pytest.approx(0.1)
