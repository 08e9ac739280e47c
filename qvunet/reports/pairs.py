"""Two networks compared seed by seed, with an interval over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.special import stdtrit

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Pairs:
    """Differences of a figure between two trainings of the same seed.

    Attributes:
        differences: by seed, at least one.
    """

    differences: dict[int, float]

    @classmethod
    def of(cls, ours: Mapping[int, float], theirs: Mapping[int, float]) -> Pairs | None:
        """Our figures less theirs; None if no seed has both."""
        found = {seed: ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())}
        return cls(found) if found else None

    @property
    def mean(self) -> float:
        """Over seeds."""
        return fmean(self.differences.values())

    @property
    def margin(self) -> float:
        """Half the width of the 95 % interval of the mean, by Student's t; infinite for one seed."""
        values = list(self.differences.values())
        if len(values) < 2:
            return math.inf
        return float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2)) * stdev(values) / math.sqrt(len(values))

    @property
    def reading(self) -> str:
        """What the seeds say together; never more than they do."""
        if len(self.differences) == 1:
            return "one seed only"
        if abs(self.mean) <= self.margin:
            return "no difference shown"
        return "lower" if self.mean < 0 else "higher"
