"""Submitting jobs and fetching what they bring, whatever happens on the way."""

from __future__ import annotations

import hashlib
import logging
import re
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime.executor_estimator import Estimator

from backends.errors import ExecutionError
from backends.ibm.answers import (
    FINAL,
    IncompleteError,
    JobError,
    is_busy,
    result_of,
    retry_after,
    status_of,
    values_of,
)
from backends.ibm.budget import Budget, Cost
from backends.ibm.describing import describe
from backends.ibm.lane import Lane, Throttle
from backends.ibm.secrets import redact
from backends.ibm.settings import estimator_options
from backends.ibm.site import Placed, Site
from backends.options import IbmRuntimeOptions
from backends.records.journal import Journal, Record
from backends.records.sent import Sent

Array = npt.NDArray[np.float64]
Result = TypeVar("Result")

Pub = tuple[QuantumCircuit, list[list[SparsePauliOp]], Array]
"""Circuit, a column of observables, rows of parameter values."""

BACK_OFF_SECONDS = (5.0, 15.0, 45.0, 120.0)
"""Pauses before a request that the service did not take is made again."""

NOTICE_SECONDS = 60.0
"""A job that takes longer is worth a line that says what is waited for; the next comes at twice the time."""

MAX_POLL_SECONDS = 60.0
"""Between two looks at a job that has waited for long."""

_CLOSED_WORDS = re.compile(r"(session|batch)\b.*\b(closed|expired|not accepting|inactive)", re.IGNORECASE)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """Circuits to be run in one job.

    Attributes:
        step: of the command.
        index: which job of the step.
        digest: from `settings.request_digest`.
        what: for people.
        circuit: with free parameters, before it is compiled.
        paulis: labels on its qubits, qubit 0 last.
        parameters: (rows, num_parameters), radians.
        place: compiles it; asked only if a job has to be submitted.
        cost: from `budget.Tariff`.
        tile: fingerprint of the circuit that `placed` holds copies of.
        tiles: how many copies it may hold.
    """

    step: int
    index: int
    digest: str
    what: str
    circuit: QuantumCircuit
    paulis: Sequence[str]
    parameters: Array
    place: Callable[[], Placed]
    cost: Cost
    tile: str
    tiles: int


class JobRunner:
    """Answers requests from the journal, else from jobs of an earlier process, else with new jobs.

    Args:
        site: where jobs go.
        options: how.
        journal: of the command.
    """

    def __init__(self, site: Site, options: IbmRuntimeOptions, journal: Journal) -> None:
        self.site = site
        self.options = options
        self.journal = journal
        self.budget = Budget(options.max_qpu_seconds, journal.spent)
        for record in journal.unfinished():
            self.budget.reserve(record.name, record.estimated_seconds)
        self._throttle = Throttle(site.jobs_per_minute)
        self._lanes: dict[int, Lane] = {}
        self._pending: dict[str, tuple[Any, Record, Request]] = {}

    def run(self, requests: Sequence[Request]) -> list[tuple[Array, Array]]:
        """Values and standard errors of each request, (num_observables, rows) each.

        Raises:
            UserError: before a job that would exceed the budget.
            ExecutionError: if a job or the service fails; the journal keeps what is known.
        """
        records = [self._begin(request) for request in requests]
        self._collect_all()
        return [self.journal.answer(record) for record in records]

    def close(self) -> None:
        """Close batches and sessions; jobs inside go on."""
        for lane in self._lanes.values():
            try:
                lane.close()
            except Exception as error:  # the results are here; the service closes what is idle
                logger.warning("could not close the batch or session: %s", redact(error))
        self._lanes.clear()

    def _begin(self, request: Request) -> Record:
        """A record that is done or on its way."""
        record = self.journal.find(request.step, request.index, request.digest, request.parameters)
        if record is None:
            return self._submit(request)
        if record.status == "done":
            return record
        job = self._recover(record)
        if job is None:
            return self._submit(request)
        try:
            self._collect(job, record, request)
        except JobError as error:
            self._fail(record, error)
            logger.warning("%s; it is submitted again", _outcome(record, error))
            return self._submit(request)
        return record

    def _submit(self, request: Request) -> Record:
        seconds = request.cost.qpu_seconds
        if not self.budget.affords(seconds):
            self._collect_all()  # what was set aside for them may be more than they take
        self.budget.require(seconds, f"job {request.index} of step {request.step}")
        placed = request.place()
        record = self._new_record(request)
        cap = self.budget.reserve(record.name, seconds)
        pub = self._pub(request, placed)
        self.journal.add(record, request.parameters, self._sent(pub, placed), pub[2])
        try:
            job = self._send(pub, placed.backend, record, cap, self._seed(request))
        except Exception as error:
            self.budget.settle(record.name, 0.0)
            raise ExecutionError(
                f"{self.site.device.name} did not take a job: {redact(error)}; {self._kept()}"
            ) from None
        record.job_id, record.status = job.job_id(), "submitted"
        self.journal.write(record)
        self._pending[record.name] = (job, record, request)
        return record

    def _new_record(self, request: Request) -> Record:
        return Record(
            name=self.journal.free_name(request.step, request.index, request.digest),
            step=request.step,
            index=request.index,
            request=request.digest,
            what=request.what,
            device=self.site.device.name,
            tags=["qvunet", f"qvunet-{uuid.uuid4().hex}"],
            estimated_seconds=request.cost.qpu_seconds,
            submitted=datetime.now(UTC).isoformat(timespec="seconds"),
            calibration=self._calibration(),
            tile=request.tile,
            tiles=request.tiles,
        )

    def _calibration(self) -> str | None:
        """When the device was last calibrated; says so if that was after the command's last job."""
        try:
            now = self._patiently(self.site.calibration)
        except Exception as error:  # good to know, not needed
            logger.warning("the calibration cannot be looked up: %s", redact(error))
            return None
        before = next((each.calibration for each in reversed(self.journal.records) if each.calibration), now)
        if now != before:
            logger.warning(
                "%s was calibrated anew at %s, between jobs of this command, whose noise now differs",
                self.site.device.name,
                now,
            )
        return now

    def _pub(self, request: Request, placed: Placed) -> Pub:
        layout = placed.circuit.layout
        column = [[SparsePauliOp(label).apply_layout(layout)] for label in request.paulis]
        return placed.circuit, column, placed.values(request.parameters)

    def _sent(self, pub: Pub, placed: Placed) -> Sent:
        circuit, column, _ = pub
        operators = [operator for (operator,) in column]
        options = estimator_options(self.options)
        return describe(circuit, operators, placed.chip_qubits, self.site.device, options)

    def _send(self, pub: Pub, backend: BackendV2, record: Record, cap: int, seed: int) -> Any:
        def send() -> Any:
            sent = self.site.job_tagged(record.tags[-1]) if tried else None
            tried.append(True)
            if sent is not None:  # the last try arrived after all; only its answer was lost
                return sent
            self._throttle.wait()
            self.site.before_job()
            options = estimator_options(self.options)
            options.environment.job_tags = record.tags
            options.max_execution_time = cap
            options.simulator.seed_simulator = seed
            estimator = Estimator(mode=lane.enter(max(cap, int(self.budget.left))), options=options)
            return estimator.run([pub])

        tried: list[bool] = []
        lane = self._lanes.setdefault(id(backend), Lane(backend, self.options.mode))
        return self._patiently(send, lane)

    def _seed(self, request: Request) -> int:
        """A rehearsal's noise: fresh for each job, the same when the command is run again."""
        text = f"{self.options.seed} {request.step} {request.index} {request.digest}"
        digest = hashlib.sha256(text.encode() + request.parameters.tobytes()).digest()
        return int.from_bytes(digest[:4], "little") >> 1

    def _recover(self, record: Record) -> Any | None:
        """The job of an unfinished record, if anybody knows it."""
        try:
            if record.job_id is None:
                job = self._patiently(lambda: self.site.job_tagged(record.tags[-1]))
            else:
                job = self._patiently(lambda: self.site.job(str(record.job_id)))
        except Exception as error:
            raise ExecutionError(
                f"job {record.job_id or record.tags[-1]} cannot be looked up: {redact(error)}; {self._kept()}"
            ) from None
        if job is None:
            record.status = "lost"
            self.budget.settle(record.name, 0.0)
        else:
            record.job_id, record.status = job.job_id(), "submitted"
        self.journal.write(record)
        return job

    def _collect_all(self) -> None:
        for name in list(self._pending):
            job, record, request = self._pending.pop(name)
            try:
                self._collect(job, record, request)
            except IncompleteError as error:  # stays submitted: the next run looks again
                raise ExecutionError(f"{_outcome(record, error)}; {self._kept()}") from None
            except JobError as error:
                self._fail(record, error)
                raise ExecutionError(f"{_outcome(record, error)}; {self._kept()}") from None

    def _collect(self, job: Any, record: Record, request: Request) -> None:
        """Wait for a job and store what it brings.

        Raises:
            JobError: if it brings no values.
            ExecutionError: if that cannot be found out now.
        """
        try:
            status = self._wait(job)
        except TimeoutError as error:
            raise ExecutionError(f"job {record.job_id} {error}; it goes on; {self._kept()}") from None
        except Exception as error:
            raise ExecutionError(
                f"the connection was lost while job {record.job_id} ran: {redact(error)}; {self._kept()}"
            ) from None
        rows, observables = len(request.parameters), len(request.paulis)
        try:
            values = self._patiently(lambda: values_of(result_of(job), rows, observables))
        except IncompleteError:
            self._settle(job, record)
            raise
        except Exception as error:
            if status == "DONE" or is_busy(error):  # it is not the job that failed
                raise ExecutionError(
                    f"job {record.job_id} ran, but its result cannot be fetched now: {redact(error)}; "
                    f"{self._kept()}"
                ) from None
            self._settle(job, record)
            raise JobError(redact(error)) from None
        self._settle(job, record)
        self.journal.store(record, *values)

    def _wait(self, job: Any) -> str:
        started, notice = time.monotonic(), NOTICE_SECONDS
        while (status := self._patiently(lambda: status_of(job))) not in FINAL:
            waited = time.monotonic() - started
            if self.options.timeout is not None and waited >= self.options.timeout:
                raise TimeoutError(f"is still {status} after {waited:.0f} s (timeout)")
            if waited >= notice:
                self._notice(job, status, waited)
                notice = 2 * waited
            time.sleep(min(max(self.site.poll_seconds, waited / 60), MAX_POLL_SECONDS))
        return status

    def _notice(self, job: Any, status: str, waited: float) -> None:
        """Say what is waited for, and that one may leave."""
        try:
            queue = self.site.queue()
        except Exception as error:  # the wait goes on without it
            queue = redact(error)
        logger.warning(
            "job %s is %s after %.0f min%s; Ctrl-C leaves it there, and the same command comes back to it",
            job.job_id(),
            status,
            waited / 60,
            f" ({queue})" if queue else "",
        )

    def _settle(self, job: Any, record: Record) -> None:
        """Enter what a job took; the service may not know yet, and a rehearsal takes nothing."""
        try:
            usage = job.usage()
        except Exception:
            usage = None
        before = record.qpu_seconds
        record.qpu_seconds = float(usage or record.estimated_seconds)
        self.budget.settle(record.name, record.qpu_seconds - before)
        self.journal.write(record)

    def _fail(self, record: Record, error: JobError) -> None:
        record.status, record.error = "failed", str(error)
        self.journal.write(record)

    def _kept(self) -> str:
        if self.journal.directory is None:
            return "without a journal, jobs are found on the service's web page"
        return (
            f"{self.journal.num_done} results are kept in {self.journal.directory}; run the same command "
            "again, and only what is missing is submitted"
        )

    def _patiently(self, action: Callable[[], Result], lane: Lane | None = None) -> Result:
        """Do something that asks the service, again after a pause while it is busy or has closed the lane."""
        for pause in BACK_OFF_SECONDS:
            try:
                return action()
            except Exception as error:
                closed = lane is not None and _CLOSED_WORDS.search(str(error))
                if not closed and not is_busy(error):
                    raise
                if closed and lane is not None:
                    lane.forget()
                seconds = max(pause, retry_after(error))
                logger.warning("%s; trying again in %.0f s", redact(error), seconds)
                time.sleep(seconds)
        return action()


def _outcome(record: Record, error: JobError) -> str:
    return f"job {record.job_id} on {record.device} gave no values: {error}"
