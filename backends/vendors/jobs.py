"""Jobs on a vendor's estimator: answered from a command's journal, else asked, within a budget."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseEstimatorV2
from qiskit.quantum_info import SparsePauliOp

from backends.errors import ExecutionError, UserError
from backends.records.journal import Journal, Record
from backends.vendors.finding import name_of

Array = npt.NDArray[np.float64]

Column = list[list[SparsePauliOp]]
Pub = tuple[QuantumCircuit, Column, Array] | tuple[QuantumCircuit, Column]
"""Circuit, a column of observables, and rows of parameter values if there are parameters."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """Rows of a circuit to be evaluated in one job.

    Attributes:
        index: which job of the step.
        digest: of all that is asked but the parameters.
        what: for people.
        num_observables: of the PUB.
        parameters: of the circuit that is asked for, (rows, num_parameters), radians.
        circuits: rows times measurement bases.
        executions: circuits times shots; an exact value is one.
        pub: makes the PUB, compiled; asked only if a job has to be submitted.
    """

    index: int
    digest: str
    what: str
    num_observables: int
    parameters: Array
    circuits: int
    executions: int
    pub: Callable[[], Pub]


class JobRunner:
    """Asks an estimator, one job after the other.

    Args:
        estimator: of any vendor.
        precision: to ask for; None leaves it to the estimator.
        max_executions: that all jobs together may take, those of the journal included; None for no limit.

    Attributes:
        executions: of the jobs so far, whatever came of them: those of the journal, while there is one.
    """

    def __init__(
        self, estimator: BaseEstimatorV2, precision: float | None, max_executions: int | None
    ) -> None:
        self.estimator = estimator
        self.precision = precision
        self.max_executions = max_executions
        self.executions = 0
        self.step = 0
        self._journal: Journal | None = None

    @contextmanager
    def recording(self, journal: Journal) -> Iterator[None]:
        """Answer from a journal, and enter into it what is submitted, for as long as the context lasts."""
        outside = self.executions
        self._journal, self.executions = journal, journal.executions
        try:
            yield
        finally:
            self._journal, self.executions = None, outside

    def run(self, requests: Sequence[Request]) -> list[Array]:
        """Values of each request, (num_observables, rows) each.

        Raises:
            UserError: before the first job, if all that is missing would exceed the budget.
            ExecutionError: if a job fails; the journal keeps what is known.
        """
        journal = Journal() if self._journal is None else self._journal
        records = [self._find(journal, request) for request in requests]
        self._require([r for r, record in zip(requests, records, strict=True) if record is None])
        return [
            self._ask(journal, request) if record is None else journal.answer(record)[0]
            for request, record in zip(requests, records, strict=True)
        ]

    def _find(self, journal: Journal, request: Request) -> Record | None:
        """The job that has answered; one that died without its values is given up, and named."""
        record = journal.find(self.step, request.index, request.digest, request.parameters)
        if record is None or record.status == "done":
            return record
        record.status = "lost"
        journal.write(record)
        logger.warning(
            "job %s on %s of %s: its values never came; its %d executions count as spent",
            record.job_id or record.name,
            record.device,
            record.submitted,
            record.executions,
        )
        return None

    def _require(self, missing: Sequence[Request]) -> None:
        """Refuse what is too much."""
        executions, limit = sum(request.executions for request in missing), self.max_executions
        total = self.executions + executions
        if limit is not None and missing and total > limit:
            circuits = sum(request.circuits for request in missing)
            raise UserError(
                f"max_executions = {limit}: {circuits} circuits of {executions // circuits} shots need "
                f"{executions}, and {self.executions} are spent; allow at least {total}, or ask for less"
            )

    def _ask(self, journal: Journal, request: Request) -> Array:
        """One PUB in one job; in the journal before it is submitted, its id before it is waited for."""
        pub = request.pub()
        # Some vendors' default stands in the signature of `run`, where None would replace it.
        wanted = {} if self.precision is None else {"precision": self.precision}
        record = self._new_record(journal, request)
        journal.add(record, request.parameters)
        self.executions += request.executions
        with self._noted_if_failing(journal, record):
            job = self.estimator.run([pub], **wanted)
        record.job_id, record.status = _id_of(job), "submitted"
        journal.write(record)
        with self._noted_if_failing(journal, record):
            found = np.asarray(job.result()[0].data.evs, dtype=float)
            values = np.broadcast_to(found, (request.num_observables, len(request.parameters)))
            if not np.isfinite(values).all():
                raise ValueError("gave values that are no numbers")
        # Nobody asks for standard errors, and not every client gives them.
        journal.store(record, values, np.full_like(values, np.nan))
        return values

    def _new_record(self, journal: Journal, request: Request) -> Record:
        return Record(
            name=journal.free_name(self.step, request.index, request.digest),
            step=self.step,
            index=request.index,
            request=request.digest,
            what=request.what,
            device=name_of(self.estimator),
            tags=[],
            estimated_seconds=0.0,
            executions=request.executions,
            submitted=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    @contextmanager
    def _noted_if_failing(self, journal: Journal, record: Record) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # of whatever type the vendor's client has
            record.status, record.error = "failed", f"{type(error).__name__}: {error}"
            journal.write(record)
            name = type(self.estimator).__name__
            raise ExecutionError(f"{name}: {record.error}{_kept(journal, record)}") from error


def _id_of(job: Any) -> str | None:
    """What the vendor's client calls a job: good to know, not needed."""
    try:
        return str(job.job_id())
    except Exception:  # of whatever type the client has
        return None


def _kept(journal: Journal, record: Record) -> str:
    if journal.directory is None:
        return ""
    return (
        f"; job {record.job_id or record.name} counts as spent, {journal.num_done} results are kept in "
        f"{journal.directory}; run the same command again, and only what is missing is asked"
    )
