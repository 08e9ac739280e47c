"""`estimator`: circuits on whatever has an estimator of Qiskit's second version, or is a Qiskit backend."""

from __future__ import annotations

from typing import cast

from backends.circuits.program import Ansatz
from backends.gradients.methods import Executor
from backends.options import BackendOptions, EstimatorOptions
from backends.primitives.backend import EstimatorBackend
from backends.vendors.estimator import VendorEstimator
from backends.vendors.finding import find_estimator


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
        settings = cast(EstimatorOptions, options)
        self._estimator = VendorEstimator(find_estimator(settings), settings, self.tally)

    def estimator(self) -> VendorEstimator:
        """The one estimator, whose budget all layers share."""
        return self._estimator

    def compile(self, ansatz: Ansatz) -> Executor:
        """Prepare a circuit; it is compiled for the device when it is first asked for."""
        self._estimator.require(ansatz.circuit.num_qubits)
        return super().compile(ansatz)

    @property
    def shots(self) -> int | None:
        """Of each circuit; None if values are exact, or nobody says."""
        return self._estimator.shots(None)
