from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qvunet.reports.pairs import Pairs


def test_only_seeds_that_both_have_are_compared():
    pairs = Pairs.of({0: 1.0, 1: 2.0, 4: 5.0}, {1: 1.5, 4: 5.0, 7: 0.0})
    assert pairs.differences == {1: 0.5, 4: 0.0}
    assert Pairs.of({0: 1.0}, {1: 1.0}) is None


def test_the_interval_is_that_of_a_paired_t_test():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(2, 5))
    pairs = Pairs.of(dict(enumerate(ours)), dict(enumerate(theirs)))
    expected = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    assert pairs.mean - pairs.margin == pytest.approx(expected.low)
    assert pairs.mean + pairs.margin == pytest.approx(expected.high)


def test_intervals_cover():
    """In 95 % of repeated draws, to within four standard errors of 2,000 draws."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(2000):
        pairs = Pairs(dict(enumerate(rng.normal(0.3, 1.0, size=5))))
        covered += abs(pairs.mean - 0.3) <= pairs.margin
    assert abs(covered / 2000 - 0.95) < 4 * (0.95 * 0.05 / 2000) ** 0.5


@pytest.mark.parametrize(
    ("differences", "reading"),
    [
        ([1.0], "one seed only"),
        ([1.0, 1.1, 0.9, 1.0, 1.05], "higher"),
        ([-1.0, -1.1, -0.9], "lower"),
        ([1.0, -1.0, 0.2], "no difference shown"),
        ([0.0, 0.0], "no difference shown"),
    ],
)
def test_a_reading_says_no_more_than_the_seeds_do(differences, reading):
    assert Pairs(dict(enumerate(differences))).reading == reading
