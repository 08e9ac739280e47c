"""How jobs reach a backend: one by one, in a batch, or in a session."""

from __future__ import annotations

import time
from collections import deque
from typing import Literal

from qiskit.providers import BackendV2
from qiskit_ibm_runtime import Batch, Session


class Lane:
    """The way to one backend; batches and sessions open with the first job.

    Args:
        backend: where jobs go.
        mode: of submission.
    """

    def __init__(self, backend: BackendV2, mode: Literal["job", "batch", "session"]) -> None:
        self._backend = backend
        self._mode = mode
        self._open: Batch | Session | None = None

    def enter(self, max_seconds: int) -> BackendV2 | Batch | Session:
        """What an estimator takes as its mode.

        Args:
            max_seconds: after which a session that opens now is closed: its clock is what is charged.
        """
        if self._open is None and self._mode == "batch":
            self._open = Batch(backend=self._backend)
        if self._open is None and self._mode == "session":
            self._open = Session(backend=self._backend, max_time=max_seconds)
        return self._open or self._backend

    def forget(self) -> None:
        """After a batch or session was closed by the service, the next job opens another."""
        self._open = None

    def close(self) -> None:
        """Let no more jobs in; those inside go on."""
        if self._open is not None:
            self._open.close()
            self._open = None


class Throttle:
    """Keeps to a number of jobs a minute.

    Args:
        per_minute: None for any number.
    """

    def __init__(self, per_minute: int | None) -> None:
        self._times: deque[float] = deque(maxlen=per_minute or 0)

    def wait(self) -> None:
        """Sleep until one more job is allowed, and count it."""
        if self._times.maxlen and len(self._times) == self._times.maxlen:
            time.sleep(max(0.0, self._times[0] + 60 - time.monotonic()))
        self._times.append(time.monotonic())
