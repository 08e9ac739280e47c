from __future__ import annotations

import pytest
import torch
from torch import Tensor

from qvunet.evaluation.intervals import half_sample_estimate


def mean(values: Tensor) -> float:
    return values.mean().item()


@pytest.fixture(scope="module")
def normal() -> Tensor:
    return torch.randn(80, 400, generator=torch.Generator().manual_seed(0), dtype=torch.double)


def test_the_interval_of_a_mean_has_its_standard_error_and_covers(normal):
    estimates = [half_sample_estimate(mean, (row,), resamples=100, seed=k) for k, row in enumerate(normal)]
    widths = torch.tensor([each.high - each.low for each in estimates])
    assert widths.mean() == pytest.approx(2 * 1.96 / 400**0.5, rel=0.05)
    assert sum(each.low <= 0 <= each.high for each in estimates) >= 0.87 * len(estimates)
    assert any(not each.low <= 0 <= each.high for each in estimates)


def test_the_bias_of_a_half_does_not_enter():
    """A statistic with a large bias of 1/n: percentiles of the replicates would miss the value."""
    values = torch.arange(100.0)
    estimate = half_sample_estimate(
        lambda x: x.mean().item() + 1e5 / len(x), (values,), resamples=100, seed=0
    )
    assert estimate.value == values.mean().item() + 1e3
    assert (estimate.low + estimate.high) / 2 == pytest.approx(estimate.value)
    assert estimate.high - estimate.low < 20


def test_halves_depend_on_the_seed_only_and_are_independent_between_sets(normal):
    def difference(a: Tensor, b: Tensor) -> float:
        return (a.mean() - b.mean()).item()

    sets = (normal[0], normal[0])
    first, again, other = (
        half_sample_estimate(difference, sets, resamples=50, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert first.high - first.low == pytest.approx(2 * 1.96 * (2 / 400) ** 0.5, rel=0.3)


def test_the_interval_stays_in_the_statistic_s_range():
    near_one = torch.tensor([1.0] * 60 + [0.0])
    estimate = half_sample_estimate(mean, (near_one,), resamples=100, seed=0, bounds=(0.0, 1.0))
    assert 0.9 < estimate.low < estimate.value < estimate.high <= 1.0
