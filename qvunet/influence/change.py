"""How much a loss changed, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy.special import stdtrit
from torch import Tensor

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Change:
    """A relative change of a mean, 0.083 for 8.3 %.

    Attributes:
        value: of all images together.
        low: lower end of the 95 % interval.
        high: upper end.
    """

    value: float
    low: float
    high: float

    @property
    def margin(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2


def relative_change(before: Tensor, after: Tensor) -> Change:
    """The relative change of the mean loss of images, with an interval over images.

    Every image has been seen both times with the same noise, so the interval is of paired differences d
    over losses l: the ratio r = mean(d) / mean(l), whose standard error is that of the mean of ``d - r l``
    over mean(l) (the linearisation of a ratio estimator; Cochran 1977, Sampling Techniques, section 6.4),
    with Student's quantile.

    Args:
        before: (N,) losses, N > 1.
        after: (N,) of the same images.
    """
    before, after = before.double(), after.double()
    mean = before.mean()
    ratio = (after - before).mean() / mean
    residuals = after - before - ratio * before
    n = len(before)
    error = residuals.std(correction=1) / (math.sqrt(n) * mean)
    margin = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2) * error)
    return Change(float(ratio), float(ratio) - margin, float(ratio) + margin)


def relative_difference(before: Tensor, after: Tensor) -> float:
    """Root mean square of a difference over that of what it is a difference from."""
    return float(torch.sqrt((after - before).double().square().mean() / before.double().square().mean()))


def percent(value: float) -> str:
    """A relative change with its sign, and with two digits that mean something."""
    text = f"{100 * value:+.{_decimals(value)}f} %"
    return text if text.strip("+-0. %") else "0 %"


def plain_percent(value: float) -> str:
    """A share."""
    return f"{100 * value:.{_decimals(value)}f} %"


def _decimals(value: float) -> int:
    """Two digits that mean something, at least one and at most six of them behind the point."""
    size = abs(100 * value)
    return next((k for k, limit in enumerate((1, 0.1, 0.01, 1e-3, 1e-4), start=1) if size >= limit), 6)
