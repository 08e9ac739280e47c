"""`ibm_runtime`: hardware of IBM Quantum through its runtime, or a rehearsal on a recorded device."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from qiskit.providers import BackendV2

from backends.circuits.emission import angle_circuit
from backends.circuits.observables import read_observables
from backends.circuits.program import Ansatz
from backends.devices.tiling.layouts import TilingPenalty
from backends.devices.tiling.tiles import tiled_rows
from backends.gradients.shifts import grouped_executions
from backends.ibm.budget import Budget, Cost, count_bases
from backends.ibm.estimator import RuntimeEstimator
from backends.ibm.replay import Replay
from backends.options import BackendOptions, IbmRuntimeOptions
from backends.primitives.backend import EstimatorBackend
from backends.records.journal import Journal


@dataclass(frozen=True)
class Pass:
    """One evaluation of one circuit layer.

    Attributes:
        ansatz: its circuit.
        rows: parameter sets, the batch times the layer's circuits.
        backward: whether its gradient is taken.
    """

    ansatz: Ansatz
    rows: int
    backward: bool = False


class IbmRuntimeBackend(EstimatorBackend):
    """Jobs on a device of IBM Quantum; each evaluation of a layer is one, and one more for its gradient.

    Evaluations outside `recording` are submitted all the same, under the same budget, but nothing is written.
    """

    name = "ibm_runtime"

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        self.settings = cast(IbmRuntimeOptions, options)
        self._estimator = RuntimeEstimator(self.settings, self.tally)

    def estimator(self) -> RuntimeEstimator:
        """The one estimator, through which the whole command's jobs go."""
        return self._estimator

    @property
    def shots(self) -> int:
        """Of each circuit."""
        return self.settings.shots

    @property
    def is_rehearsal(self) -> bool:
        """Whether a simulator stands for the device, so that nothing is charged."""
        return self.settings.backend_name.startswith("fake_")

    def start_step(self, step: int) -> None:
        """Begin a step of training or sampling, which tells its jobs from those of others."""
        super().start_step(step)
        self._estimator.start_step(step)

    def cost(self, passes: Iterable[Pass], gradient: str | None = None) -> Cost:
        """What evaluations will cost; nothing is submitted, and only ``tiles: auto`` needs an account.

        Args:
            passes: all evaluations of a command.
            gradient: of the backward passes; None takes the options' own.
        """
        gradient = gradient or self.options.gradient or "surrogate"
        alike: defaultdict[tuple[int, int, bool], list[Pass]] = defaultdict(list)
        for each in passes:
            alike[id(each.ansatz), each.rows, each.backward].append(each)
        return sum((self._pass_cost(some[0], gradient) * len(some) for some in alike.values()), Cost())

    def num_qubits(self, passes: Iterable[Pass]) -> int:
        """Qubits of the largest circuit that evaluations send to the device, all its tiles together."""
        return max(each.ansatz.circuit.num_qubits * self._tiles(each.ansatz) for each in passes)

    def tiling_penalty(self, ansatz: Ansatz) -> TilingPenalty:
        """What the tiles cost a circuit in fidelity, by the calibration of the device.

        Raises:
            UserError: if there is no such account or device, or the device has no room for so many tiles.
            ExecutionError: if the service cannot be reached.
        """
        return self._estimator.tiles.penalty(angle_circuit(ansatz))

    def recall(self, journal: Journal) -> None:
        """Keep to what a command's earlier attempt has chosen, so that its jobs are found again."""
        self._estimator.recall(journal)

    def require_budget(self, cost: Cost, journal: Journal, first_step: int = 0) -> None:
        """Check that what a command still lacks fits into `max_qpu_seconds`.

        Args:
            cost: of the command from `first_step` on.
            journal: of the command, perhaps with jobs of an earlier attempt.
            first_step: where it goes on.

        Raises:
            UserError: if it does not fit; names the limit and what would be enough.
        """
        missing = cost.qpu_seconds - journal.done_seconds(first_step)
        Budget(self.settings.max_qpu_seconds, journal.spent).require(max(missing, 0.0), "the command")

    def connect(self, num_qubits: int, journal: Journal) -> BackendV2:
        """Find account and device before anything depends on them.

        Args:
            num_qubits: that the device must have at least.
            journal: of the command, whose device ``least_busy`` keeps to.

        Returns:
            The device.

        Raises:
            UserError: if there is no such account or device.
            ExecutionError: if the service cannot be reached.
        """
        return self._estimator.connect(num_qubits, journal).device

    @contextmanager
    def recording(self, journal: Journal) -> Iterator[None]:
        """Keep the jobs submitted in this context in a journal, and take from it what is there.

        Raises:
            UserError: if another process records there.
        """
        with journal.locked(), self._estimator.recording(journal):
            yield

    @contextmanager
    def replaying(self, replay: Replay) -> Iterator[None]:
        """Take every answer in this context from stored jobs; nobody is asked, account or device."""
        with self._estimator.recording(replay.journal, replay):
            yield

    def _pass_cost(self, each: Pass, gradient: str) -> Cost:
        ansatz, tariff = each.ansatz, self._estimator.tariff
        bases = count_bases(read_observables(ansatz.observables, ansatz.circuit.num_qubits).terms)
        if not bases:  # constants
            return Cost()
        rows = [each.rows]
        if each.backward and gradient == "spsa":
            rows.append(2 * self.options.spsa_directions * each.rows)
        if each.backward and gradient == "param_shift":
            rows.append(grouped_executions(ansatz) * each.rows)
        tiles = self._tiles(ansatz)
        return sum((tariff.jobs(tiled_rows(number, tiles), bases) for number in rows), Cost())

    def _tiles(self, ansatz: Ansatz) -> int:
        return self._estimator.tiles(angle_circuit(ansatz))
