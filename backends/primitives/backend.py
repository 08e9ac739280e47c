"""Backends that stand on a Qiskit estimator: EstimatorQNN and TorchConnector between circuit and torch."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property

import torch
from qiskit.primitives import BaseEstimatorV2
from qiskit_machine_learning.connectors import TorchConnector
from torch import Tensor

from backends.circuits.observables import Readout, read_observables
from backends.circuits.program import Ansatz
from backends.exact.executor import ExactCircuit, LinearReadout
from backends.gradients.autograd import Pullback, traced
from backends.gradients.methods import Executor, with_gradient
from backends.layer import Backend
from backends.primitives.pubs import precision_from_shots
from backends.qnn import BroadcastEstimatorQNN


class EstimatorBackend(Backend):
    """Runs circuits through `BroadcastEstimatorQNN`; subclasses say on which estimator."""

    @abstractmethod
    def estimator(self) -> BaseEstimatorV2:
        """Make the estimator that this backend's circuits run on; asked for once."""

    @property
    def shots(self) -> int | None:
        """Shots a row, forward and backward alike; None if values are exact."""
        return None

    @cached_property
    def _shared_estimator(self) -> BaseEstimatorV2:
        """One for all layers, which then share what it has compiled."""
        return self.estimator()

    def compile(self, ansatz: Ansatz) -> Executor:
        """Connect the circuit to torch, with the gradient that the options name."""
        exact = ExactCircuit(ansatz)  # also refuses what no backend takes, by name
        readout = read_observables(ansatz.observables, ansatz.circuit.num_qubits)
        terms = _Connected(ansatz, readout, self._shared_estimator, precision_from_shots(self.shots))
        measured = LinearReadout(readout.matrix, readout.offset).after(terms)
        return with_gradient(measured, exact.with_pullback, self.options, self.noise)


class _Connected:
    """Terms of observables through `BroadcastEstimatorQNN` and `TorchConnector`, which know the shift rule.

    Every row has inputs and weights of its own (a layer may hold many circuits), so the network takes both
    as inputs; torch sums the weights' gradients over the rows.
    """

    def __init__(
        self, ansatz: Ansatz, readout: Readout, estimator: BaseEstimatorV2, precision: float
    ) -> None:
        self._measures = bool(readout.terms)
        parameters = [*ansatz.inputs, *ansatz.weights]
        self._used = [k for k, parameter in enumerate(parameters) if parameter in ansatz.circuit.parameters]
        qnn = BroadcastEstimatorQNN(
            circuit=ansatz.circuit,
            estimator=estimator,
            observables=readout.operators or None,
            input_params=[parameters[k] for k in self._used],
            weight_params=[],
            input_gradients=True,
            default_precision=precision,
        )
        self._connector = TorchConnector(qnn)

    def __call__(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Pullback]:
        """(G, B, num_inputs) and (G, num_weights), radians, to (G, B, num_terms), and the pullback."""
        return traced(self._values, inputs, weights)

    def _values(self, inputs: Tensor, weights: Tensor) -> Tensor:
        rows = torch.cat([inputs, weights.unsqueeze(1).expand(-1, inputs.shape[1], -1)], dim=-1)
        if not self._measures:  # the observables are constants
            return rows[..., :0]
        values = self._connector(rows.flatten(0, 1)[:, self._used]).to(inputs.dtype)
        return values.unflatten(0, rows.shape[:2])
