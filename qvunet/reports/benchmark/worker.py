"""A process of its own for each system.

JAX, torch and OpenMP each bring a pool of threads, and they slow each other down within one process.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import resource
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

import numpy as np

from qvunet.reports.benchmark.system import System


class WorkerError(Exception):
    """A system failed, in its own words."""


@dataclass(frozen=True)
class Ready:
    """Sent when the first call is done.

    Attributes:
        first_call_s: building and first call, seconds.
        arrays: what the call returned.
        base_mb: peak resident memory before that.
    """

    first_call_s: float
    arrays: list[Any]
    base_mb: float


class Worker:
    """Runs one system; every method waits until it has answered.

    Args:
        system: what to run.
        memory_gb: its process may not allocate more.
    """

    def __init__(self, system: System, memory_gb: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        settings = dict(system.settings, rows=system.rows)
        self._process = context.Process(
            target=_serve, args=(theirs, system.module, settings, memory_gb), daemon=True
        )
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._process.join(timeout=10)
        self._process.kill()

    def ready(self) -> Ready:
        """Wait for the first call."""
        return self._receive()

    def repeat(self, at_least_s: float) -> float:
        """Call for at least so long, at least once; returns the mean seconds of a call."""
        self._connection.send(at_least_s)
        return self._receive()

    def peak_mb(self) -> float:
        """Peak resident memory so far."""
        self._connection.send(None)
        return self._receive()

    def _receive(self) -> Any:
        try:
            answer = self._connection.recv()
        except EOFError:
            raise WorkerError("its process died; it may have reached the memory limit") from None
        if isinstance(answer, WorkerError):
            raise answer
        return answer


def _serve(connection: Connection, module: str, settings: dict[str, Any], memory_gb: float) -> None:
    """The worker's side: build, call once, then do as told until the pipe closes."""
    limit = int(memory_gb * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(EOFError, BrokenPipeError):
        try:
            call = _start(connection, module, settings)
            while True:
                order = connection.recv()
                connection.send(_peak_mb() if order is None else _repeat(call, order))
        except EOFError:
            raise
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            connection.send(WorkerError(f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"))


def _start(connection: Connection, module: str, settings: dict[str, Any]) -> Callable[[], Sequence[Any]]:
    build = import_module(module).build
    base = _peak_mb()
    started = time.perf_counter()
    call = build(**settings)
    arrays = call()
    seconds = time.perf_counter() - started
    connection.send(Ready(seconds, [np.asarray(array) for array in arrays], base))
    return call


def _repeat(call: Callable[[], Sequence[Any]], at_least_s: float) -> float:
    started = time.perf_counter()
    calls, spent = 0, 0.0
    while not calls or spent < at_least_s:
        call()
        calls += 1
        spent = time.perf_counter() - started
    return spent / calls


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
