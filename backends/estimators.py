"""Backends that stand on a Qiskit estimator: EstimatorQNN and TorchConnector between circuit and torch."""

from __future__ import annotations

from abc import abstractmethod

import torch
from qiskit.primitives import BaseEstimatorV2
from qiskit_machine_learning.connectors import TorchConnector
from torch import Tensor

from .base import Backend, Executor
from .program import Ansatz
from .qnn import BroadcastEstimatorQNN
from .statevector import exact_executor


class EstimatorBackend(Backend):
    """Runs circuits through `BroadcastEstimatorQNN`; subclasses say on which estimator."""

    @abstractmethod
    def estimator(self) -> BaseEstimatorV2:
        """The estimator that this backend's circuits run on."""

    def compile(self, ansatz: Ansatz) -> Executor:
        """Connect the circuit to torch, with the gradient that the options name."""
        # Every row has inputs and weights of its own (a layer may hold many circuits), so the network
        # takes both as inputs; torch sums the weights' gradients over the rows.
        qnn = BroadcastEstimatorQNN(
            circuit=ansatz.circuit,
            estimator=self.estimator(),
            observables=ansatz.observables,
            input_params=[*ansatz.inputs, *ansatz.weights],
            weight_params=[],
            input_gradients=True,
        )
        connector = TorchConnector(qnn)

        def measure(inputs: Tensor, weights: Tensor) -> Tensor:
            rows = torch.cat([inputs, weights.unsqueeze(1).expand(-1, inputs.shape[1], -1)], dim=-1)
            values = connector(rows.flatten(0, 1)).to(inputs.dtype)
            return values.unflatten(0, rows.shape[:2])

        return surrogate(measure, exact_executor(ansatz)) if self.options.gradient == "surrogate" else measure


def surrogate(measure: Executor, exact: Executor) -> Executor:
    """Values from `measure`, gradients from `exact` at the same parameters."""

    def execute(inputs: Tensor, weights: Tensor) -> Tensor:
        with torch.no_grad():
            measured = measure(inputs, weights)
        if not torch.is_grad_enabled():
            return measured
        value = exact(inputs, weights)
        return value + (measured - value).detach()

    return execute
