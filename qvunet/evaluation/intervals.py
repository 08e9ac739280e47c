"""Confidence intervals of statistics that resampling with replacement would bias.

Sets of features are resampled in random halves without replacement. For a statistic that is smooth in the
distribution, a random half varies around the whole as the whole varies around the truth (a mean: variance
s^2 / m * (1 - m / n) = s^2 / n for m = n / 2), so nothing has to be rescaled, and the usual bootstrap would
give the same spread (Buja and Stuetzle 2006, "Observations on bagging"). But no image occurs twice in a half:
the kernel of an image with itself, or a neighbour at distance 0, would enter KID, precision and recall.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qvunet.tools.seeding import Stream, make_generator

NORMAL_QUANTILE = 1.96
"""Standard errors on each side of a value, for 95 %."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its uncertainty.

    Attributes:
        value: from all images.
        low: lower end of the 95 % interval.
        high: upper end.
    """

    value: float
    low: float
    high: float


def half_sample_estimate(
    statistic: Callable[..., float],
    sets: tuple[Tensor, ...],
    *,
    resamples: int,
    seed: int,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """Estimate a statistic of independent sets, with an interval for its mean over such sets.

    The interval is the value and 1.96 standard deviations of the replicates on both sides. Their mean does
    not enter, since a half has another bias than the whole. What is covered is therefore the figure that
    sets of this size give on average; a bias that such a figure has is not removed.

    Args:
        statistic: of as many tensors as there are sets.
        sets: (N, ...) each; N may differ.
        resamples: number of replicates, at least 2.
        seed: of the halves.
        bounds: that the statistic cannot leave; the interval is cut there.
    """
    value = statistic(*sets)
    replicates = np.array([statistic(*_halves(sets, seed, number)) for number in range(resamples)])
    margin = NORMAL_QUANTILE * float(replicates.std(ddof=1))
    return Estimate(value, max(value - margin, bounds[0]), min(value + margin, bounds[1]))


def _halves(sets: tuple[Tensor, ...], seed: int, number: int) -> list[Tensor]:
    """A random half of each set."""
    generator = make_generator(seed, Stream.RESAMPLE, number)
    return [each[torch.randperm(len(each), generator=generator)[: len(each) // 2]] for each in sets]
