"""PennyLane default.qubit under torch, one sample at a time."""

from __future__ import annotations

import pennylane as qml
import torch
from torch import Tensor

from qvunet.reports.benchmark.problem import make_problem
from qvunet.reports.benchmark.systems.pennylane_circuit import qnode
from qvunet.reports.benchmark.systems.torch_layer import Call, forward_backward, leaf


def build(*, ansatz: str, rows: int, **options: int) -> Call:
    """A pass over the problem, ready to be timed."""
    problem = make_problem(ansatz, rows, **options)
    circuit = qnode(problem.ansatz, qml.device("default.qubit"), interface="torch", diff_method="backprop")
    weights = leaf(problem.weights, torch.float32)

    def layer(inputs: Tensor) -> Tensor:
        return torch.stack([torch.stack(circuit(row, weights)) for row in inputs])

    return forward_backward(layer, [weights], problem, torch.float32)
