"""Whether a variance falls exponentially as a circuit grows, in words.

Few sizes can be simulated, so the rule looks at rates: an exponential loses the same factor with every qubit,
a power of the size loses less and less. It speaks of the sizes that were measured and of no others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

SURE = 2.0
"""Standard errors by which a change must exceed its uncertainty."""
STEADY = 0.5
"""A fall is as good as exponential while its last rate is at least this part of its first."""


def trend(sizes: Sequence[int], values: Sequence[float], errors: Sequence[float], unit: str) -> str:
    """Say how a variance changes.

    Args:
        sizes: ascending.
        values: variance at each of them.
        errors: standard errors of those.
        unit: of the sizes, in the singular, such as ``qubit``.

    Returns:
        A sentence: it does not fall, falls but ever more slowly, falls in a way that two laws fit, or falls
        exponentially, which no power of the size explains.
    """
    if len(sizes) < 2 or min(values) <= 0:
        return f"nothing can be said of more {unit}s"
    logs = [math.log2(value) for value in values]
    margins = [error / value / math.log(2) for value, error in zip(values, errors, strict=True)]
    span = f"from {sizes[0]} to {sizes[-1]} {unit}s"
    whole = _fall(logs, margins, 0, -1)
    if whole is None:
        return f"does not fall {span}"
    factor = 2 ** (whole / (sizes[-1] - sizes[0]))
    told = f"falls by a factor of {2**whole:.3g} {span}"
    if len(sizes) == 2:
        return f"{told}; two sizes do not tell an exponential from another law"
    last = _fall(logs, margins, -2, -1) or 0.0
    first_rate = (logs[0] - logs[1]) / (sizes[1] - sizes[0])
    last_rate = last / (sizes[-1] - sizes[-2])
    if last_rate < STEADY * first_rate or last == 0:
        return f"{told}, ever more slowly: not exponentially"
    # What a power of the size that starts like this would still lose in the last step, in powers of two.
    ratio = math.log(sizes[-1] / sizes[-2]) / math.log(sizes[1] / sizes[0])
    power = ratio * (logs[0] - logs[1])
    margin = math.hypot(margins[-1], margins[-2], ratio * margins[0], ratio * margins[1])
    if last - power <= SURE * margin:
        fits = f"an exponential by {factor:.3g} with each {unit} fits"
        return f"{told}: {fits}, and so does a power of their number"
    return f"{told}, steadily: exponentially, by {factor:.3g} with each {unit}"


def _fall(logs: Sequence[float], margins: Sequence[float], start: int, end: int) -> float | None:
    """By how much it falls in powers of two; None where that is not sure."""
    fall = logs[start] - logs[end]
    return fall if fall > SURE * math.hypot(margins[start], margins[end]) else None
