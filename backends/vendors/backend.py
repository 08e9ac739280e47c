"""`estimator`: circuits on whatever has an estimator of Qiskit's second version, or is a Qiskit backend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from backends.circuits.program import Ansatz
from backends.gradients.methods import Executor
from backends.options import BackendOptions, EstimatorOptions
from backends.primitives.backend import EstimatorBackend
from backends.records.journal import Journal
from backends.vendors.estimator import VendorEstimator
from backends.vendors.finding import find_estimator, name_of


class VendorBackend(EstimatorBackend):
    """Circuits through an estimator of any vendor.

    The noise of a foreign estimator is its own: `seed` decides on the directions of `spsa` only. A pickle
    holds the options, so one that names a factory is made anew where it is read.

    Args:
        options: the validated options.

    Raises:
        UserError: if the options give no estimator; names the option and what is allowed.
    """

    name = "estimator"

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        self.settings = cast(EstimatorOptions, options)
        self._estimator = VendorEstimator(find_estimator(self.settings), self.settings, self.tally)

    def estimator(self) -> VendorEstimator:
        """The one estimator, whose budget all layers share."""
        return self._estimator

    def compile(self, ansatz: Ansatz) -> Executor:
        """Prepare a circuit; it is compiled for the device when it is first asked for."""
        self._estimator.require(ansatz.circuit.num_qubits)
        return super().compile(ansatz)

    def start_step(self, step: int) -> None:
        """Begin a step of training or sampling, which tells its jobs from those of others."""
        super().start_step(step)
        self._estimator.start_step(step)

    @contextmanager
    def recording(self, journal: Journal) -> Iterator[None]:
        """Keep the jobs submitted in this context in a journal, and take from it what is there.

        `max_executions` then limits all jobs of the journal.

        Raises:
            UserError: if another process records there.
        """
        with journal.locked(), self._estimator.runner.recording(journal):
            yield

    @property
    def device_name(self) -> str:
        """Of the estimator's device, else of its class."""
        return name_of(self._estimator.estimator)

    @property
    def shots(self) -> int | None:
        """Of each circuit; None if values are exact, or nobody says."""
        return self._estimator.shots(None)
