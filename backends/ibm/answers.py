"""Reading what the service answers, and what its errors mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit_ibm_runtime.exceptions import IBMError

from backends.ibm.secrets import redact

Array = npt.NDArray[np.float64]

FINAL = ("DONE", "ERROR", "CANCELLED")
"""States of a job that has ended."""

MAX_RETRY_AFTER = 600.0
"""The longest pause that the service can ask for."""

_BUSY = (-1, 429, 500, 502, 503, 504)  # -1: qiskit_ibm_runtime's for no answer at all
_BUSY_WORDS = re.compile(r"\b(429|1202)\b|too many requests|connection|timed? ?out", re.IGNORECASE)


class JobError(Exception):
    """A job that ended without values."""


class IncompleteError(JobError):
    """A job that was done, but of whose values some are missing; another look at it may find them."""


class UnreadableError(IncompleteError):
    """A job that was done, but whose result came damaged; it may be whole the next time it is fetched."""


def status_of(job: Any) -> str:
    """A job's state, in the client's words."""
    status = job.status()  # a string on the service, an enum here
    return str(getattr(status, "name", status))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def is_busy(error: BaseException) -> bool:
    """Whether the service, or the way to it, may well do the same thing later."""
    for each in _chain(error):
        if getattr(each, "status_code", None) in _BUSY or isinstance(each, ConnectionError | UnreadableError):
            return True
        if type(each).__name__ in ("IBMRuntimeError", "RequestsApiError") and _BUSY_WORDS.search(str(each)):
            return True
    return False


def retry_after(error: BaseException) -> float:
    """Seconds that the service asks to be left alone for."""
    for each in _chain(error):
        headers = getattr(getattr(each, "response", None), "headers", {})
        if (seconds := str(headers.get("Retry-After", ""))).isdecimal():
            return min(float(seconds), MAX_RETRY_AFTER)
    return 0.0


def result_of(job: Any) -> Any:
    """What a job brings.

    Raises:
        UnreadableError: if what came over the wire is damaged; the client then stumbles over it anyhow.
    """
    try:
        return job.result()
    except Exception as error:
        if isinstance(error, IBMError | ConnectionError) or status_of(job) != "DONE":
            raise
        raise UnreadableError(f"its result cannot be read: {redact(error)}") from None


def values_of(result: Any, rows: int, observables: int | None = None) -> tuple[Array, Array]:
    """Values and standard errors of a job's one PUB, (observables, rows) each.

    Args:
        result: of the job.
        rows: that it must have.
        observables: that it must have; None if that is not known.

    Raises:
        IncompleteError: if the PUB is missing or is not of this shape or not finite.
        UnreadableError: if nothing came at all.
    """
    if result is None:
        raise UnreadableError("its result is empty")
    if len(result) != 1:
        raise IncompleteError(f"its result holds {len(result)} PUBs of 1")
    values = np.asarray(result[0].data.evs, dtype=float)
    stds = np.asarray(result[0].data.stds, dtype=float)
    expected = (len(values) if observables is None and values.ndim else observables, rows)
    if values.shape != expected or not np.isfinite(values).all():
        raise IncompleteError(f"its values are incomplete: shape {values.shape} for {expected}")
    return values, stds
