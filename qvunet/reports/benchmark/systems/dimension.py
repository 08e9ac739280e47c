"""The effective dimension of tutorial 10's circuit: by ours, or by Qiskit Machine Learning."""

from __future__ import annotations

import torch
from qiskit.primitives import StatevectorEstimator
from qiskit_machine_learning.neural_networks import EffectiveDimension, EstimatorQNN
from torch import Tensor

from qvunet.ansatz import Ansatz
from qvunet.diagnostics.effective_dimension import effective_dimension
from qvunet.reports.benchmark.systems.torch_layer import Call
from qvunet.reports.benchmark.tutorials import SIZES, for_dimension


def build(*, stock: bool, local: bool, rows: int) -> Call:
    """The dimension for all sizes of the tutorial; a sample is a pair of inputs and weights."""
    ansatz, inputs, weights = for_dimension(local)
    assert rows == len(inputs) * len(weights)
    calculate = stock_dimension if stock else effective_dimension
    return lambda: [calculate(ansatz, inputs, weights, SIZES)]


def stock_dimension(ansatz: Ansatz, inputs: Tensor, weights: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """As the library has it, on exact values."""
    qnn = EstimatorQNN(
        circuit=ansatz.circuit,
        estimator=StatevectorEstimator(),
        observables=ansatz.observables,
        input_params=ansatz.inputs,
        weight_params=ansatz.weights,
        default_precision=0.0,
    )
    dimension = EffectiveDimension(qnn, weights.numpy(), inputs.numpy())
    return torch.as_tensor(dimension.get_effective_dimension(list(sizes)))
