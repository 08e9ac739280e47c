"""The estimator that `EstimatorQNN` sees: PUBs in, journaled jobs out of sight, values back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import PrimitiveJob, PrimitiveResult, PubResult
from qiskit.primitives.containers import EstimatorPubLike
from qiskit.primitives.containers.estimator_pub import EstimatorPub

from backends.circuits.fingerprint import circuit_fingerprint
from backends.devices.lowering import NotBound, by_readings
from backends.devices.tiling.choice import TileChoice
from backends.devices.tiling.layouts import TilePlace, place_tiles
from backends.devices.tiling.tiles import Tiled, tile
from backends.ibm.budget import Tariff, count_bases
from backends.ibm.jobs import JobRunner, Request
from backends.ibm.replay import Replay
from backends.ibm.settings import estimator_options, request_digest
from backends.ibm.site import Cloud, Placed, Rehearsal, Site
from backends.measuring.tally import Tally
from backends.options import IbmRuntimeOptions, Lowering
from backends.primitives.pubs import PauliEstimator
from backends.records.journal import Journal

Array = npt.NDArray[np.float64]


class RuntimeEstimator(PauliEstimator):
    """Expectation values from jobs.

    Each circuit is compiled once. A PUB becomes one job, or as many as the service's limit on executions
    asks for. Shots are those of the options; a requested precision is ignored. Mitigated values may leave
    [-1, 1] and are clipped, after they have been stored as they came.

    Args:
        options: of the backend.
        tally: counts what is asked for, also where the journal knows the answer.

    Attributes:
        tiles: how many copies of a circuit share the chip.
    """

    def __init__(self, options: IbmRuntimeOptions, tally: Tally | None = None) -> None:
        self.options = options
        self.tally = tally or Tally()
        self.tiles = TileChoice(options.tiles, self._place_tiles)
        self.tariff = Tariff(estimator_options(options))
        self._placed: dict[tuple[str, Lowering | None], Placed] = {}
        self._site: Site | None = None
        self._runner: JobRunner | Replay | None = None
        self.journal = Journal()
        self.start_step(0)

    def start_step(self, step: int) -> None:
        """Say which step of the command the next jobs belong to."""
        self._step = step
        self._index = 0

    @contextmanager
    def recording(self, journal: Journal, replay: Replay | None = None) -> Iterator[None]:
        """Answer from a journal, and enter into it what is submitted, for as long as the context lasts.

        Args:
            journal: of the command.
            replay: answers from it, in the place of new jobs.
        """
        self.journal, self._runner = journal, replay
        self.recall(journal)
        try:
            yield
        finally:
            if self._runner is not None:
                self._runner.close()
            self.journal, self._runner = Journal(), None

    def recall(self, journal: Journal) -> None:
        """Keep to the tiles of a command's earlier attempt, or none of its jobs would be found again."""
        for record in journal.records:
            self.tiles.recall(record.tile, record.tiles)

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
        tiles = self.tiles(circuit)
        tiled = tile(circuit, rows, paulis, tiles)
        digest = request_digest(tiled.circuit, tiled.paulis, self.options)
        num_bases = count_bases(paulis)
        size = self.tariff.chunk(num_bases)
        requests = []
        for start in range(0, len(tiled.rows), size):
            chunk = tiled.rows[start : start + size]
            requests.append(
                Request(
                    step=self._step,
                    index=self._index,
                    digest=digest,
                    what=f"rows {start} to {start + len(chunk) - 1} of {len(tiled.rows)}, "
                    f"{circuit.num_qubits} qubits, {len(paulis)} observables, {tiled.tiles} tiles, "
                    f"{self.options.shots} shots",
                    circuit=tiled.circuit,
                    paulis=tiled.paulis,
                    parameters=chunk,
                    place=partial(self._place, tiled, digest),
                    cost=self.tariff.job(len(chunk), num_bases),
                    tile=circuit_fingerprint(circuit),
                    tiles=tiles,
                )
            )
            self._index += 1
            self.tally.add(len(chunk) * num_bases, requests[-1].cost.executions)
        answers = self._connected(tiled.circuit.num_qubits).run(requests)
        values = np.concatenate([values for values, _ in answers], axis=1)
        return np.clip(tiled.untile(values), -1.0, 1.0)

    def _place(self, tiled: Tiled, digest: str) -> Placed:
        """The circuit, compiled once, by the first lowering that is exact for rows and labels."""
        *others, last = by_readings(self.options.lowering, tiled.paulis)
        for lowering in others:
            with suppress(NotBound):
                placed = self._placed_by(tiled, digest, lowering)
                placed.values(tiled.rows)
                return placed
        return self._placed_by(tiled, digest, last)

    def _placed_by(self, tiled: Tiled, digest: str, lowering: Lowering | None) -> Placed:
        key = (digest, lowering)
        if key not in self._placed:
            site = self.connect(tiled.circuit.num_qubits, self.journal)
            self._placed[key] = site.place(tiled.circuit, lowering)
        return self._placed[key]

    def _place_tiles(self, circuit: QuantumCircuit) -> Iterator[TilePlace]:
        return place_tiles(
            circuit,
            self.connect(circuit.num_qubits, self.journal).device,
            self.options.lowering,
            optimization_level=self.options.optimization_level,
            seed=self.options.seed_transpiler,
        )

    def _connected(self, num_qubits: int) -> JobRunner | Replay:
        if self._runner is None:
            self._runner = JobRunner(self.connect(num_qubits, self.journal), self.options, self.journal)
        return self._runner
