"""What jobs cost, and a limit that they never exceed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime.executor.calculate_twirling_shots import calculate_twirling_shots
from qiskit_ibm_runtime.executor_estimator.finalize_options import finalize_estimator_options
from qiskit_ibm_runtime.options_models.estimator import EstimatorOptions
from qiskit_ibm_runtime.options_models.zne import DEFAULT_NOISE_FACTORS

from backends.errors import UserError

SECONDS_PER_JOB = 2.0
"""QPU time that a job takes before its first execution (IBM's rule of thumb)."""

SECONDS_PER_EXECUTION = 0.00035
"""QPU time of one shot of one circuit (the same rule)."""

MAX_EXECUTIONS_PER_JOB = 10_000_000
"""The service's limit on circuits times shots in a job."""

CAP_FACTOR = 2.0
"""How far a job may exceed its estimate before the service is told to cancel it."""


@dataclass(frozen=True)
class Cost:
    """What some jobs amount to.

    Attributes:
        jobs: jobs submitted.
        circuits: circuits whose expectations are asked for, each with parameters of its own; tiles of one
            circuit count as one.
        executions: shots of them all, with twirls, noise factors and the calibration of the readout.
    """

    jobs: int = 0
    circuits: int = 0
    executions: int = 0

    @property
    def qpu_seconds(self) -> float:
        """Estimated QPU time."""
        return self.jobs * SECONDS_PER_JOB + self.executions * SECONDS_PER_EXECUTION

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.jobs + other.jobs, self.circuits + other.circuits, self.executions + other.executions
        )

    def __mul__(self, times: int) -> Cost:
        return Cost(self.jobs * times, self.circuits * times, self.executions * times)


class Tariff:
    """What a PUB costs under given options.

    Args:
        options: the estimator's options; what they leave open, its own rules decide.
    """

    def __init__(self, options: EstimatorOptions) -> None:
        final = finalize_estimator_options(options)
        twirling, resilience = final.twirling, final.resilience
        shots = final.default_shots or math.ceil(final.default_precision**-2)
        if twirling.enable_gates or twirling.enable_measure:
            randomizations, each = calculate_twirling_shots(
                shots, twirling.num_randomizations, twirling.shots_per_randomization
            )
            shots = randomizations * each
        self._per_circuit = shots * (len(DEFAULT_NOISE_FACTORS) if resilience.zne_mitigation else 1)
        self._calibration = shots if resilience.measure_mitigation else 0

    def job(self, num_circuits: int, num_bases: int = 1) -> Cost:
        """Cost of one job with one PUB.

        Args:
            num_circuits: rows of parameters.
            num_bases: measurement bases that the observables need; Z on any qubits is one.
        """
        return Cost(1, num_circuits, num_circuits * num_bases * self._per_circuit + self._calibration)

    def chunk(self, num_bases: int = 1) -> int:
        """How many circuits fit into one job."""
        return max(1, (MAX_EXECUTIONS_PER_JOB - self._calibration) // (num_bases * self._per_circuit))

    def jobs(self, num_circuits: int, num_bases: int = 1) -> Cost:
        """Cost of a pass, in as many jobs as the service's limit asks for."""
        full, rest = divmod(num_circuits, self.chunk(num_bases))
        sizes = [self.chunk(num_bases)] * full + [rest] * bool(rest)
        return sum((self.job(size, num_bases) for size in sizes), Cost())


def count_bases(observables: Sequence[str]) -> int:
    """Measurement bases that Pauli labels need when each qubit is measured by itself."""
    return len(SparsePauliOp(list(observables)).paulis.group_qubit_wise_commuting()) if observables else 0


class Budget:
    """QPU seconds that a command may take.

    Args:
        max_qpu_seconds: the limit.
        spent: seconds that the command's jobs have taken so far.
    """

    def __init__(self, max_qpu_seconds: float, spent: float = 0.0) -> None:
        self.max_qpu_seconds = max_qpu_seconds
        self.spent = spent
        self._reserved: dict[str, int] = {}

    @property
    def left(self) -> float:
        """Seconds neither spent nor set aside for jobs on their way."""
        return self.max_qpu_seconds - self.spent - sum(self._reserved.values())

    def affords(self, seconds: float) -> bool:
        """Whether a job that is estimated at so many seconds may still be submitted."""
        return math.ceil(seconds) <= self.left

    def require(self, seconds: float, what: str) -> None:
        """Check that a job may be submitted.

        Raises:
            UserError: if it may not; names the limit and what would be enough.
        """
        if not self.affords(seconds):
            enough = math.ceil(self.max_qpu_seconds - self.left) + math.ceil(seconds)
            raise UserError(
                f"max_qpu_seconds = {self.max_qpu_seconds:g}: {what} needs about {seconds:.0f} s of QPU "
                f"time, and {self.spent:.0f} s are spent; allow at least {enough}, or ask for less"
            )

    def reserve(self, name: str, seconds: float) -> int:
        """Set time aside for a job.

        Returns:
            Whole seconds after which the service shall cancel the job, so that the limit holds whatever
            the estimate is worth.
        """
        cap = max(0, min(math.ceil(CAP_FACTOR * seconds), math.floor(self.left)))
        self._reserved[name] = cap
        return cap

    def settle(self, name: str, seconds: float) -> None:
        """Replace what was set aside for a job, if anything, by what it took."""
        self._reserved.pop(name, None)
        self.spent += seconds
