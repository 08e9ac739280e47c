"""Measuring a case: all its systems in turns, so that a busy machine slows all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from qvunet.reports.benchmark.system import Case, Result, System
from qvunet.reports.benchmark.worker import Worker, WorkerError

TOLERANCE = 1e-3
"""Largest deviation of values and gradients, relative to the largest entry, that is single precision's."""

MIN_ROUNDS = 2
"""Rounds that even the slowest system takes part in."""


@dataclass(frozen=True)
class Effort:
    """How thoroughly to measure.

    Attributes:
        repeats: rounds.
        repetition_s: calls shorter than this are repeated within a round.
        budget_s: a system that has spent more sits out the rounds after the second.
        memory_gb: limit of each process.
    """

    repeats: int
    repetition_s: float
    budget_s: float
    memory_gb: float


Expected = Callable[[int], Sequence[Any]]
"""From a number of rows to the arrays that a call on them should return."""


def measure(case: Case, effort: Effort, tell: Callable[[str], None]) -> list[Result]:
    """Measure all systems of a case, round robin.

    Args:
        case: what to measure; its first system is what ratios refer to.
        effort: how thoroughly.
        tell: is told what is going on.
    """
    results = [Result(system.name, system.peer, system.rows) for system in case.systems]
    expected = _expected(case.reference, effort) if case.reference else None
    with ExitStack() as stack:
        running = []
        for system, result in zip(case.systems, results, strict=True):
            tell(f"{case.title}: {system.name}, first call")
            if reason := system.missing():
                result.status, result.reason = "skipped", reason
            elif worker := _started(stack, system, result, expected, effort):
                running.append((worker, result))
        _rounds(running, effort, lambda number: tell(f"{case.title}: round {number} of {effort.repeats}"))
    for result in results:
        result.compare(results[0])
    return results


def _expected(reference: System, effort: Effort) -> Expected:
    @cache
    def arrays(rows: int) -> Sequence[Any]:
        with Worker(replace(reference, rows=rows), effort.memory_gb) as worker:
            return worker.ready().arrays

    return arrays


def _started(
    stack: ExitStack, system: System, result: Result, expected: Expected | None, effort: Effort
) -> Worker | None:
    """A worker whose first call agreed with the reference, or None."""
    worker = stack.enter_context(Worker(system, effort.memory_gb))
    try:
        ready = worker.ready()
        result.first_call_s, result.base_mb = ready.first_call_s, ready.base_mb
        if expected is None:
            agreed = all(np.isfinite(array).all() for array in ready.arrays)
        else:
            result.max_error = deviation(ready.arrays, expected(system.rows))
            agreed = result.max_error <= TOLERANCE
        if agreed:
            if ready.first_call_s < effort.budget_s:
                worker.repeat(effort.repetition_s)  # warms up; the first call of the slowest has to do
            return worker
        result.status = "wrong"
        result.reason = f"deviates by {result.max_error:.2g}" if expected else "not a finite number"
    except WorkerError as error:
        result.status, result.reason = "failed", str(error)
    return None


def deviation(arrays: Sequence[Any], expected: Sequence[Any]) -> float:
    """Largest deviation, relative to the largest entry of its array; infinite if shapes differ."""
    if [array.shape for array in arrays] != [array.shape for array in expected]:
        return float("inf")
    return max(
        float(np.abs(array - wanted).max() / np.abs(wanted).max())
        for array, wanted in zip(arrays, expected, strict=True)
    )


def _rounds(running: list[tuple[Worker, Result]], effort: Effort, tell: Callable[[int], None]) -> None:
    spent = {result.system: 0.0 for _, result in running}
    for number in range(1, effort.repeats + 1):
        tell(number)
        for worker, result in running:
            over = spent[result.system] > effort.budget_s and len(result.seconds) >= MIN_ROUNDS
            if result.status != "ok" or over:
                continue
            try:
                result.seconds.append(worker.repeat(effort.repetition_s))
                result.peak_mb = worker.peak_mb()
            except WorkerError as error:
                result.status, result.reason = "failed", str(error)
            else:
                spent[result.system] += max(result.seconds[-1], effort.repetition_s)
