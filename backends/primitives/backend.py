"""Backends that stand on a Qiskit estimator: EstimatorQNN and TorchConnector between circuit and torch."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property

import torch
from qiskit.primitives import BaseEstimatorV2
from qiskit_machine_learning.connectors import TorchConnector
from torch import Tensor

from backends.circuits.program import Ansatz
from backends.exact.executor import exact_executor
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
        exact = exact_executor(ansatz)  # also refuses what no backend takes, by name
        # Every row has inputs and weights of its own (a layer may hold many circuits), so the network
        # takes both as inputs; torch sums the weights' gradients over the rows.
        parameters = [*ansatz.inputs, *ansatz.weights]
        used = [k for k, parameter in enumerate(parameters) if parameter in ansatz.circuit.parameters]
        qnn = BroadcastEstimatorQNN(
            circuit=ansatz.circuit,
            estimator=self._shared_estimator,
            observables=ansatz.observables,
            input_params=[parameters[k] for k in used],
            weight_params=[],
            input_gradients=True,
            default_precision=precision_from_shots(self.shots),
        )
        connector = TorchConnector(qnn)

        def measure(inputs: Tensor, weights: Tensor) -> Tensor:
            rows = torch.cat([inputs, weights.unsqueeze(1).expand(-1, inputs.shape[1], -1)], dim=-1)
            values = connector(rows.flatten(0, 1)[:, used]).to(inputs.dtype)
            return values.unflatten(0, rows.shape[:2])

        return with_gradient(measure, exact, self.options, self.noise)
