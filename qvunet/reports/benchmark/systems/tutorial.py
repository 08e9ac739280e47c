"""An example of Qiskit Machine Learning's tutorials: on our layer, or on the stock one."""

from __future__ import annotations

import numpy as np
import torch
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.neural_networks import EstimatorQNN, NeuralNetwork, SamplerQNN
from torch import nn

from backends import make_backend
from qvunet.reports.benchmark.systems.torch_layer import Call
from qvunet.reports.benchmark.tutorials import EXAMPLES, Example


def build(*, example: str, rows: int, stock: bool, dtype: str = "float32") -> Call:
    """A pass of the example; all have as many rows as their tutorial."""
    made = EXAMPLES[example]()
    assert rows == len(made.rows)
    layer = stock_layer(made) if stock else own_layer(made)
    return made.passing(layer, getattr(torch, dtype))


def own_layer(example: Example) -> nn.Module:
    """Ours, exact, in float64."""
    layer = make_backend("statevector").layer(example.ansatz).double()
    with torch.no_grad():
        layer.weight.copy_(example.start)
    return layer


def stock_layer(example: Example) -> TorchConnector:
    """EstimatorQNN on exact values, or SamplerQNN with its usual shots."""
    return TorchConnector(stock_network(example), initial_weights=example.start.numpy())


def stock_network(example: Example, seed: int = 0) -> NeuralNetwork:
    """What the connector holds.

    Args:
        example: whose circuit it evaluates.
        seed: of samples.
    """
    ansatz = example.ansatz
    parts = {"circuit": ansatz.circuit, "input_params": ansatz.inputs, "weight_params": ansatz.weights}
    if example.of_samples:
        return SamplerQNN(
            **parts,
            input_gradients=example.needs_input_gradient,
            # Seeded with a number it would repeat its noise for every row.
            sampler=StatevectorSampler(seed=np.random.default_rng(seed)),
            interpret=example.interpret,
            output_shape=len(ansatz.observables),
        )
    return EstimatorQNN(
        **parts,
        estimator=StatevectorEstimator(),
        observables=ansatz.observables,
        input_gradients=example.needs_input_gradient,
        default_precision=0.0,
    )
