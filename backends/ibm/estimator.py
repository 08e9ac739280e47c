"""The estimator that `EstimatorQNN` sees: PUBs in, journaled jobs out of sight, values back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import PrimitiveJob, PrimitiveResult, PubResult
from qiskit.primitives.containers import EstimatorPubLike
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.quantum_info import SparsePauliOp

from ..options import IbmRuntimeOptions
from ..pubs import PauliEstimator
from .budget import Tariff, count_bases
from .jobs import JobRunner, Request
from .journal import Journal
from .settings import estimator_options, request_digest
from .site import Cloud, Placed, Rehearsal, Site

Array = npt.NDArray[np.float64]


class RuntimeEstimator(PauliEstimator):
    """Expectation values from jobs.

    Each circuit is compiled once. A PUB becomes one job, or as many as the service's limit on executions
    asks for. Shots are those of the options; a requested precision is ignored. Mitigated values may leave
    [-1, 1] and are clipped, after they have been stored as they came.

    Args:
        options: of the backend.
    """

    def __init__(self, options: IbmRuntimeOptions) -> None:
        self.options = options
        self.tariff = Tariff(estimator_options(options))
        self._placed: dict[str, Placed] = {}
        self._site: Site | None = None
        self._runner: JobRunner | None = None
        self.journal = Journal()
        self.start_step(0)

    def start_step(self, step: int) -> None:
        """Say which step of the command the next jobs belong to."""
        self._step = step
        self._index = 0

    @contextmanager
    def recording(self, journal: Journal) -> Iterator[None]:
        """Answer from a journal, and enter into it what is submitted, for as long as the context lasts."""
        self.journal, self._runner = journal, None
        try:
            yield
        finally:
            if self._runner is not None:
                self._runner.close()
            self.journal, self._runner = Journal(), None

    def connect(self, num_qubits: int, journal: Journal) -> Site:
        """Find account and device; see `backend.IbmRuntimeBackend.connect`.

        Raises:
            UserError: if there is no such account or device.
            ExecutionError: if the service cannot be reached.
        """
        if self._site is None:
            earlier = journal.records[-1].device if journal.records else None
            rehearse = self.options.backend_name.startswith("fake_")
            self._site = Rehearsal(self.options) if rehearse else Cloud(self.options, num_qubits, earlier)
        return self._site

    def run(
        self, pubs: Iterable[EstimatorPubLike], *, precision: float | None = None
    ) -> PrimitiveJob[PrimitiveResult[PubResult]]:
        """Run PUBs and wait for them; see `qiskit.primitives.BaseEstimatorV2`."""
        # Here and not in the job's thread: Ctrl-C would not reach that, and the process would not end.
        results = self._run([EstimatorPub.coerce(pub, precision) for pub in pubs])
        job: PrimitiveJob[PrimitiveResult[PubResult]] = PrimitiveJob(lambda: results)
        job._submit()
        return job

    def shots(self, precision: float | None) -> int:
        """Those of the options."""
        return self.options.shots

    def measure(
        self, circuit: QuantumCircuit, rows: Array, paulis: Sequence[str], shots: int | None
    ) -> Array:
        """Answer from the journal or by jobs, (num_paulis, R) in [-1, 1]."""
        runner = self._connected(circuit.num_qubits)
        digest = request_digest(circuit, paulis, self.options)
        if digest not in self._placed:
            self._placed[digest] = runner.site.place(circuit)
        placed, num_bases = self._placed[digest], count_bases(paulis)
        size = self.tariff.chunk(num_bases)
        observables = [SparsePauliOp(label).apply_layout(placed.circuit.layout) for label in paulis]
        requests = []
        for start in range(0, len(rows), size):
            chunk = rows[start : start + size]
            requests.append(
                Request(
                    step=self._step,
                    index=self._index,
                    digest=digest,
                    what=f"rows {start} to {start + len(chunk) - 1} of {len(rows)}, "
                    f"{circuit.num_qubits} qubits, {len(paulis)} observables, {self.options.shots} shots",
                    placed=placed,
                    observables=observables,
                    parameters=chunk,
                    cost=self.tariff.job(len(chunk), num_bases),
                )
            )
            self._index += 1
        values = np.concatenate([values for values, _ in runner.run(requests)], axis=1)
        return np.clip(values, -1.0, 1.0)

    def _connected(self, num_qubits: int) -> JobRunner:
        if self._runner is None:
            self._runner = JobRunner(self.connect(num_qubits, self.journal), self.options, self.journal)
        return self._runner
