"""What is measured, and what comes of it, as data."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Literal

Status = Literal["ok", "skipped", "wrong", "failed"]


@dataclass(frozen=True)
class System:
    """Something that can be timed.

    Attributes:
        name: how tables call it.
        module: one as `benchmarking.systems` describes.
        settings: what its `build` is given, with `rows` added.
        rows: samples in one call; times are compared a row.
        requires: modules that must be installed.
        peer: whether it is somebody else's.
        unavailable: why it cannot be measured, if that is known already.
    """

    name: str
    module: str
    settings: Mapping[str, Any]
    rows: int
    requires: tuple[str, ...] = ()
    peer: bool = False
    unavailable: str = ""

    def missing(self) -> str:
        """Why it cannot be measured here; empty if it can."""
        absent = [name for name in self.requires if find_spec(name) is None]
        return f"not installed: {', '.join(absent)}" if absent else self.unavailable


@dataclass(frozen=True)
class Case:
    """Systems that are measured in turns, and compared with the first of them.

    Attributes:
        title: what they do.
        systems: the first is ours or the classical one, and never left out.
        reference: computes the same arrays in float64; None if the systems need not agree.
        axis: what grows from case to case, if anything.
        value: how far it has grown.
    """

    title: str
    systems: tuple[System, ...]
    reference: System | None = None
    axis: str = ""
    value: float = 0.0


@dataclass
class Result:
    """What came of one system.

    Attributes:
        system: its name.
        peer: whether it is somebody else's.
        status: ``ok``; ``skipped`` (not installed); ``wrong`` (disagrees, so not timed); ``failed``.
        reason: of any other status than ``ok``.
        rows: samples in one call.
        first_call_s: building and first call, compilation included, in seconds.
        seconds: of one call, for each round.
        ratios: time a row over the first system's, for each round.
        max_error: largest deviation from the reference, values and gradients; None if there is none.
        base_mb: peak resident memory before it was built, its libraries imported.
        peak_mb: peak resident memory at the end.
    """

    system: str
    peer: bool
    rows: int
    status: Status = "ok"
    reason: str = ""
    first_call_s: float | None = None
    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    max_error: float | None = None
    base_mb: float | None = None
    peak_mb: float | None = None

    def compare(self, reference: Result) -> None:
        """Fill in `ratios`."""
        self.ratios = [
            own / self.rows / (other / reference.rows)
            for own, other in zip(self.seconds, reference.seconds, strict=False)
        ]

    def summary(self) -> dict[str, float]:
        """Median and minimum in seconds, median ratio; empty if it was not timed."""
        if not self.seconds:
            return {}
        figures = {"median_s": statistics.median(self.seconds), "min_s": min(self.seconds)}
        return figures | ({"ratio": statistics.median(self.ratios)} if self.ratios else {})


Measured = list[tuple[Case, list[Result]]]
"""A suite's cases with their results."""
