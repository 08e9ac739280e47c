"""Figures of the drawings, with intervals, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qvunet.evaluation.intervals import Estimate
from qvunet.reports.mitigation.methods import METHODS
from qvunet.reports.shots.store import Record

RESAMPLES = 4000
"""Of the images, with replacement, for the intervals."""


@dataclass(frozen=True)
class Row:
    """One drawing.

    Attributes:
        method: one of `methods.METHODS`.
        shots: of each circuit.
        steps: denoising steps.
        qpu_seconds: estimated, of all images together.
        distance: mean distance of an image to the exact one of as many steps.
        over_none: that over the one without mitigation, same images, shots and steps; None without such.
        in_all: mean distance to the exact image of many steps.
        steps_alone: what of it is there with exact circuits too.
        record: the drawing.
    """

    method: str
    shots: int
    steps: int
    qpu_seconds: float
    distance: Estimate
    over_none: Estimate | None
    in_all: Estimate
    steps_alone: float
    record: Record


def compare(records: Sequence[Record]) -> list[Row]:
    """One row a drawing: by steps and shots, then the cheapest first."""
    plain = {_setting(record): record for record in records if record["spec"]["method"] == "none"}
    rows = [_row(record, plain.get(_setting(record))) for record in records]
    return sorted(rows, key=lambda row: (row.steps, row.shots, row.qpu_seconds))


def recommended(rows: Sequence[Row]) -> Row:
    """The cheapest row of which it is not shown that the nearest to exact is nearer.

    Args:
        rows: of the same images, shots and steps.
    """
    nearest = min(rows, key=lambda row: row.distance.value)
    good = [row for row in rows if row is nearest or _ratio(row.record, nearest.record).low <= 1.0]
    return min(good, key=lambda row: (row.qpu_seconds, list(METHODS).index(row.method)))  # the simpler of two


def _row(record: Record, plain: Record | None) -> Row:
    spec, result = record["spec"], record["result"]
    return Row(
        spec["method"],
        spec["shots"],
        spec["steps"],
        result["qpu_seconds"],
        _mean(result["distances"]),
        None if plain is None or plain is record else _ratio(record, plain),
        _mean(result["from_fine"]),
        float(np.mean(result["exact_from_fine"])),
        record,
    )


def _setting(record: Record) -> tuple[Any, ...]:
    spec = record["spec"]
    return (spec["shots"], spec["steps"], spec["num"], spec["seed"], spec["device"])


def _mean(values: Sequence[float]) -> Estimate:
    found = np.array(values)
    return _estimate(found.mean(), found[_picks(len(found))].mean(axis=1))


def _ratio(record: Record, to: Record) -> Estimate:
    """Of mean distances; resamples take an image's two distances together."""
    top, bottom = (np.array(each["result"]["distances"]) for each in (record, to))
    picks = _picks(len(top))
    return _estimate(top.mean() / bottom.mean(), top[picks].mean(axis=1) / bottom[picks].mean(axis=1))


def _picks(size: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.random.default_rng(0).integers(size, size=(RESAMPLES, size))


def _estimate(value: float, resampled: np.ndarray[Any, Any]) -> Estimate:
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Estimate(float(value), float(low), float(high))
