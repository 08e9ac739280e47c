"""The learning rate as a function of the step, so that a resumed run needs no memory of it."""

from __future__ import annotations

import math

from qvunet.config.options import TrainSection

WARM_UP = 0.3
"""Part of a one-cycle schedule in which the rate rises."""
FIRST, LAST = 1 / 25, 1e-5
"""The first and the last rate, relative to the highest."""


def learning_rate(options: TrainSection, step: int) -> float:
    """The rate of a step, counted from 0.

    ``one_cycle`` rises from `FIRST` to the highest rate and falls to `LAST`, both along half a cosine (Smith
    and Topin 2018, arXiv:1708.07120, with torch's usual fractions).
    """
    highest = options.learning_rate
    if options.lr_schedule == "constant":
        return highest
    top = WARM_UP * options.steps
    if step < top:
        return highest * _between(FIRST, 1.0, step / top)
    return highest * _between(1.0, LAST, (step - top) / (options.steps - top))


def _between(start: float, end: float, part: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2
