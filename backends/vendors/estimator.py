"""Any vendor's estimator behind the one that `EstimatorQNN` sees: compiled circuits, chunks, a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial

import numpy as np
import numpy.typing as npt
from qiskit import transpile
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseEstimatorV2, PrimitiveJob, PrimitiveResult, PubResult
from qiskit.primitives.containers import EstimatorPubLike
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.quantum_info import SparsePauliOp

from backends.circuits.fingerprint import circuit_fingerprint, fingerprint, gate_list
from backends.devices.compiling import Compiled, compile_circuit
from backends.devices.device import require_qubits
from backends.devices.lowering import NotBound, by_readings, choose
from backends.errors import UserError
from backends.measuring.tally import Tally
from backends.options import EstimatorOptions, Lowering
from backends.primitives.pubs import PauliEstimator, shots_from_precision
from backends.vendors.finding import device_of, name_of, own_precision
from backends.vendors.jobs import JobRunner, Pub, Request

Array = npt.NDArray[np.float64]

COMMON_GATES = (
    *("x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "u", "rx", "ry", "rz"),
    *("cx", "cy", "cz", "swap", "rxx", "ryy", "rzz", "rzx"),
)
"""What an estimator is given that names no device: Pauli rotations, and constant gates that everybody knows.
Controlled rotations are not among them, since Aer's estimator ignores the values of their parameters."""


class VendorEstimator(PauliEstimator):
    """Expectation values from an estimator of any vendor.

    Each circuit is compiled once, if the estimator names a device. A PUB becomes one job with one PUB, or as
    many as `max_rows` asks for; see `jobs.JobRunner`. Values are passed on as they come.

    Args:
        estimator: what is asked.
        options: of the backend.
        tally: counts what is asked for, also where a journal knows the answer.

    Attributes:
        runner: of its jobs.

    Raises:
        UserError: if `max_executions` is given and nobody says how many shots a circuit takes, or `lowering`
            and nobody says for which device; or if the device lacks the gates for it.
    """

    def __init__(
        self, estimator: BaseEstimatorV2, options: EstimatorOptions, tally: Tally | None = None
    ) -> None:
        self.estimator = estimator
        self.options = options
        self.tally = tally or Tally()
        precision = _precision(options)
        asked = own_precision(estimator) if precision is None else precision
        if asked is None and options.max_executions is not None:
            raise UserError(
                f"max_executions = {options.max_executions}: {type(estimator).__name__} does not say how "
                "many shots it takes; set shots or precision"
            )
        self._shots = shots_from_precision(asked) if asked else None
        self._manner = [type(estimator).__name__, name_of(estimator), options.factory, options.options, asked]
        self.runner = JobRunner(estimator, precision, options.max_executions)
        self.start_step(0)
        self._device = device_of(estimator)
        self._lowering = self._find_lowering()
        self._compiled: dict[tuple[str, Lowering | None], Compiled] = {}

    def start_step(self, step: int) -> None:
        """Say which step of the command the next jobs belong to."""
        self.runner.step = step
        self._index = 0

    def require(self, num_qubits: int) -> None:
        """Check that a circuit fits on the device, as far as anybody knows.

        Raises:
            UserError: if it does not; names both numbers.
        """
        if self._device is not None:
            require_qubits(self._device, num_qubits)

    def run(
        self, pubs: Iterable[EstimatorPubLike], *, precision: float | None = None
    ) -> PrimitiveJob[PrimitiveResult[PubResult]]:
        """Run PUBs and wait for them; see `qiskit.primitives.BaseEstimatorV2`."""
        # Here and not in the job's thread, which Ctrl-C would not reach.
        results = self._run([EstimatorPub.coerce(pub, precision) for pub in pubs])
        job: PrimitiveJob[PrimitiveResult[PubResult]] = PrimitiveJob(lambda: results)
        job._submit()
        return job

    def shots(self, precision: float | None) -> int | None:
        """Those of the options, else the estimator's own; None if values are exact, or nobody says."""
        return self._shots

    def measure(
        self, circuit: QuantumCircuit, rows: Array, paulis: Sequence[str], shots: int | None
    ) -> Array:
        """Ask the estimator, in as many jobs as `max_rows` says: (num_paulis, R).

        Raises:
            UserError: if `max_executions` does not allow it, or the device lacks qubits or gates.
            ExecutionError: if the estimator fails.
        """
        asked = [label for label in paulis if label.strip("I")]
        values = dict.fromkeys(paulis, np.ones(len(rows)))
        if asked:
            requests = list(self._requests(circuit, rows, asked))
            found = self.runner.run(requests)
            if self._shots is not None:
                for request in requests:
                    self.tally.add(request.circuits, request.executions)
            values |= zip(asked, np.concatenate(found, axis=1), strict=True)
        return np.stack([values[label] for label in paulis])

    def _requests(self, circuit: QuantumCircuit, rows: Array, paulis: Sequence[str]) -> Iterator[Request]:
        """As many as `max_rows` says; nothing is compiled before one has to be submitted."""
        digest = fingerprint(circuit.num_qubits, gate_list(circuit), list(paulis), self._manner)
        bases = len(SparsePauliOp(list(paulis)).paulis.group_qubit_wise_commuting())
        compiled = cache(partial(self._compile, circuit, rows, paulis))
        size = self.options.max_rows
        for start in range(0, len(rows), size):
            chunk = rows[start : start + size]
            circuits = len(chunk) * bases  # qubits that are measured in the same basis are one
            yield Request(
                index=self._index,
                digest=digest,
                what=f"rows {start} to {start + len(chunk) - 1} of {len(rows)}, {circuit.num_qubits} qubits, "
                f"{len(paulis)} observables, {self._shots or 'no'} shots",
                num_observables=len(paulis),
                parameters=chunk,
                circuits=circuits,
                executions=circuits * (self._shots or 1),
                pub=partial(_pub, compiled, paulis, slice(start, start + size)),
            )
            self._index += 1

    def _compile(self, circuit: QuantumCircuit, rows: Array, paulis: Sequence[str]) -> tuple[Compiled, Array]:
        """The circuit by the first lowering that is exact for rows and labels, and its parameters' values."""
        *others, last = by_readings(self._lowering, paulis)
        for lowering in others:
            with suppress(NotBound):
                compiled = self._compiled_by(circuit, lowering)
                return compiled, compiled.values(rows)
        compiled = self._compiled_by(circuit, last)
        return compiled, compiled.values(rows)

    def _compiled_by(self, circuit: QuantumCircuit, lowering: Lowering | None) -> Compiled:
        key = (circuit_fingerprint(circuit), lowering)
        if key not in self._compiled:
            self._compiled[key] = self._for_device(circuit, lowering)
        return self._compiled[key]

    def _for_device(self, circuit: QuantumCircuit, lowering: Lowering | None) -> Compiled:
        if self._device is None:
            plain = transpile(circuit, basis_gates=list(COMMON_GATES), optimization_level=0)
            return Compiled(plain, lambda rows: rows)
        return compile_circuit(
            circuit,
            self._device,
            lowering,
            optimization_level=self.options.optimization_level,
            seed=self.options.seed_transpiler,
        )

    def _find_lowering(self) -> Lowering:
        asked = self.options.lowering
        if self._device is None:
            if asked is not None:
                raise UserError(
                    f"lowering = {asked}: circuits are lowered for a device, and "
                    f"{type(self.estimator).__name__} names none; leave lowering out"
                )
            return "pauli"
        # The merged lowering goes along the couplings; a device that lists none couples all its qubits.
        any_pair = self._device.target.build_coupling_map() is None
        if any_pair and asked not in (None, "pauli"):
            raise UserError(f"lowering = {asked}: {self._device.name} lists no couplings; allowed: pauli")
        return "pauli" if any_pair else choose(asked, self._device)


def _pub(compiled: Callable[[], tuple[Compiled, Array]], paulis: Sequence[str], rows: slice) -> Pub:
    """Some rows of what has been compiled."""
    made, parameters = compiled()
    column = [[SparsePauliOp(label).apply_layout(made.circuit.layout)] for label in paulis]
    chosen = parameters[rows]
    return (made.circuit, column, chosen) if chosen.shape[1] else (made.circuit, column)


def _precision(options: EstimatorOptions) -> float | None:
    """The standard error to ask for; None leaves it to the estimator."""
    if options.shots is None:
        return options.precision
    # Estimators round 1 / precision^2 up, and rounding alone would make 1001 shots of 1000.
    return (1 + 1e-12) / float(np.sqrt(options.shots))
