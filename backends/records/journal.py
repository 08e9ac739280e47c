"""The record of every job: what it computes, where it is, what came of it.

A job is two files. ``NAME.npz`` holds its parameters, and its values once they have arrived; ``NAME.json``
the rest. Both are there before the job is submitted, and the job's id before anybody waits for it, so that
whatever happens to this process, the next one finds what was paid for. Neither can run code when read. What
jobs were sent with, their circuits among it, is in `sent`, once for all jobs of a circuit, if it is kept.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from backends.errors import UserError
from backends.records.sent import Sent

Array = npt.NDArray[np.float64]
Status = Literal["submitting", "submitted", "done", "failed", "lost"]

SAME_ANGLE = 1e-3
"""Radians. Parameters this close are the same question: a network's rounding differs between machines and
numbers of threads, and shot noise is far larger than what such an angle changes."""


@dataclass
class Record:
    """One job.

    Attributes:
        name: stem of its files.
        step: training or sampling step of the command.
        index: which job of that step.
        request: digest of circuit, observables, shots and options: all but the parameters.
        what: the same for people.
        device: where it was sent.
        tags: on IBM's service; none elsewhere.
        estimated_seconds: of QPU time; 0 where that is not what is paid for.
        submitted: when, in ISO 8601, UTC; None in a journal from before this was noted.
        calibration: when the device was last calibrated, if it says so.
        tile: fingerprint of the circuit that the job's circuit holds copies of.
        tiles: how many copies it may hold.
        sent: digest of what it was sent with; empty where this is not kept, or was not yet.
        executions: circuits times shots; 0 where QPU time is what is paid for.
        status: ``submitting`` until the service has answered; ``lost`` if nobody knows the job, or can fetch
            its values.
        job_id: on the service.
        qpu_seconds: what it took, or as long as the service does not say so, the estimate; 0 before its end.
        error: why it gave no values.
    """

    name: str
    step: int
    index: int
    request: str
    what: str
    device: str
    tags: list[str]
    estimated_seconds: float
    submitted: str | None = None
    calibration: str | None = None
    tile: str = ""
    tiles: int = 1
    sent: str = ""
    executions: int = 0
    status: Status = "submitting"
    job_id: str | None = None
    qpu_seconds: float = 0.0
    error: str | None = None


class Journal:
    """The jobs of one command.

    Args:
        directory: where the files go; made when the first is written. None keeps records in memory only.

    Raises:
        UserError: if a file is damaged.

    Attributes:
        records: of its jobs.
        answered: those whose values the command has taken, in the order in which it asked.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory
        self.records: list[Record] = []
        self.answered: list[Record] = []
        self._arrays: dict[str, dict[str, Any]] = {}
        self._sent: dict[str, Sent] = {}
        self._at: defaultdict[tuple[int, int, str], list[Record]] = defaultdict(list)
        for path in sorted(directory.glob("*.json")) if directory else ():
            self._read(path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from submitting the same jobs.

        Raises:
            UserError: if another process is at it.
        """
        if self.directory is None:
            yield
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.directory / ".lock", timeout=0):
                yield
        except Timeout:
            raise UserError(f"{self.directory}: in use by another process that runs this command") from None

    @property
    def spent(self) -> float:
        """QPU seconds of the jobs that have ended."""
        return sum(record.qpu_seconds for record in self.records)

    @property
    def executions(self) -> int:
        """Those of all jobs, whatever came of them."""
        return sum(record.executions for record in self.records)

    @property
    def num_done(self) -> int:
        """Jobs whose values are here."""
        return sum(record.status == "done" for record in self.records)

    def unfinished(self) -> list[Record]:
        """Jobs that may still be running."""
        return [record for record in self.records if record.status in ("submitting", "submitted")]

    def done_seconds(self, first_step: int = 0) -> float:
        """Estimated QPU seconds of the jobs from a step on whose values are here."""
        return sum(r.estimated_seconds for r in self.records if r.status == "done" and r.step >= first_step)

    def rows(self, record: Record) -> int:
        """Parameter sets of a job."""
        return len(self._arrays[record.name]["parameters"])

    def find(self, step: int, index: int, request: str, parameters: Array) -> Record | None:
        """The last job that asked this, unless it failed."""
        for record in reversed(self._at[step, index, request]):
            asked = self._arrays[record.name]["parameters"]
            if (
                record.status not in ("failed", "lost")
                and asked.shape == parameters.shape
                and np.allclose(asked, parameters, rtol=0, atol=SAME_ANGLE)
            ):
                return record
        return None

    def add(
        self, record: Record, parameters: Array, sent: Sent | None = None, submitted: Array | None = None
    ) -> None:
        """Enter a job that is about to be submitted.

        Args:
            record: of the job.
            parameters: of the circuit that was asked for, (rows, num_parameters), radians.
            sent: what goes with it; None if that is not to be kept.
            submitted: parameter values of the circuit that goes, (rows, its num_parameters), radians, or
                None.
        """
        self._arrays[record.name] = {"parameters": parameters}
        if sent is not None:
            record.sent = sent.digest
            self._keep(sent)
        if submitted is not None:
            self._arrays[record.name]["submitted"] = submitted
        self._write_arrays(record.name)
        self.write(record)
        self._enter(record)

    def restore(self, record: Record, arrays: dict[str, Array], sent: Sent) -> None:
        """Enter a job that is done and was kept elsewhere, in memory alone; see `arrays`."""
        self._sent[sent.digest] = sent
        self._arrays[record.name] = arrays
        self._enter(record)

    def write(self, record: Record) -> None:
        """Write a record that has changed."""
        text = json.dumps(dataclasses.asdict(record), indent=2) + "\n"
        self._replace(f"{record.name}.json", text.encode())

    def store(self, record: Record, values: Array, stds: Array) -> None:
        """Keep what a job has brought: (num_observables, rows) each."""
        self._arrays[record.name] |= {"values": values, "stds": stds}
        self._write_arrays(record.name)
        record.status = "done"
        self.write(record)

    def answer(self, record: Record) -> tuple[Array, Array]:
        """Values and standard errors of a job that is done, (num_observables, rows) each, for the command."""
        self.answered.append(record)
        arrays = self._arrays[record.name]
        return arrays["values"], arrays["stds"]

    def arrays(self, record: Record) -> dict[str, Array]:
        """All its numbers: ``parameters`` and ``submitted`` as in `add`, ``values`` and ``stds``."""
        return self._arrays[record.name]

    def sent(self, record: Record) -> Sent:
        """What a job was sent with.

        Raises:
            UserError: if that is not there.
        """
        if record.sent not in self._sent:
            self._sent[record.sent] = self._read_sent(record)
        return self._sent[record.sent]

    def free_name(self, step: int, index: int, request: str) -> str:
        """A name for a job that asks this, with a number after it if others have asked the same."""
        stem = f"step{step:06d}_{index:04d}_{request[:6]}"
        taken = {record.name for record in self.records}
        tries = (f"{stem}_try{k}" if k > 1 else stem for k in range(1, len(taken) + 2))
        return next(name for name in tries if name not in taken)

    def _enter(self, record: Record) -> None:
        self.records.append(record)
        self._at[record.step, record.index, record.request].append(record)

    def _read(self, path: Path) -> None:
        try:
            record = Record(**json.loads(path.read_text(encoding="utf-8")))
            with np.load(path.with_suffix(".npz"), allow_pickle=False) as arrays:
                expected = ("parameters", "values", "stds") if record.status == "done" else ("parameters",)
                self._arrays[record.name] = {key: arrays[key] for key in {*expected, *arrays}}
        except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{path}: damaged ({error}); it and its .npz say what job was submitted, so mend or move them"
            ) from None
        self._enter(record)

    def _read_sent(self, record: Record) -> Sent:
        if not record.sent or self.directory is None:
            raise UserError(
                f"job {record.name}: its journal does not keep what jobs are sent with, or did not yet"
            )
        stem = self.directory / "sent" / record.sent
        try:
            sent = Sent(stem.with_suffix(".qpy").read_bytes(), stem.with_suffix(".json").read_bytes())
        except OSError as error:
            raise UserError(f"{error.filename}: missing; job {record.name} was sent with it") from None
        if sent.digest != record.sent:
            raise UserError(f"{stem}.qpy or .json: damaged; job {record.name} was sent with them")
        return sent

    def _keep(self, sent: Sent) -> None:
        if sent.digest not in self._sent:
            self._replace(f"sent/{sent.digest}.qpy", sent.qpy)
            self._replace(f"sent/{sent.digest}.json", sent.facts)
            self._sent[sent.digest] = sent

    def _write_arrays(self, name: str) -> None:
        if self.directory is not None:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **self._arrays[name])
            self._replace(f"{name}.npz", buffer.getvalue())

    def _replace(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all, and through to the disk: it stands for money."""
        if self.directory is None:
            return
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
