"""qiskit-machine-learning as it comes: EstimatorQNN, TorchConnector, Aer's EstimatorV2, parameter-shift."""

from __future__ import annotations

import torch
from qiskit import transpile
from qiskit_aer.primitives import EstimatorV2
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.gradients import ParamShiftEstimatorGradient
from qiskit_machine_learning.neural_networks import EstimatorQNN

from qvunet.reports.benchmark.problem import make_problem
from qvunet.reports.benchmark.systems.torch_layer import Call, forward_backward

BASIS = ["rx", "rz", "h", "cx"]
"""Aer ignores the parameters of controlled rotations that its estimator binds, so they are rewritten."""


def build(*, ansatz: str, rows: int, **options: int) -> Call:
    """A pass over the problem, ready to be timed."""
    problem = make_problem(ansatz, rows, **options)
    estimator = EstimatorV2()
    qnn = EstimatorQNN(
        circuit=transpile(problem.ansatz.circuit, basis_gates=BASIS, optimization_level=0),
        estimator=estimator,
        observables=problem.ansatz.observables,
        input_params=list(problem.ansatz.inputs),
        weight_params=list(problem.ansatz.weights),
        gradient=ParamShiftEstimatorGradient(estimator),
        input_gradients=True,
        default_precision=0.0,
    )
    layer = TorchConnector(qnn, initial_weights=problem.weights)
    return forward_backward(layer, [layer.weight], problem, torch.float32)
