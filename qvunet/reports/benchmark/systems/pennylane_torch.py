"""PennyLane default.qubit under torch, the whole batch in one broadcast."""

from __future__ import annotations

import pennylane as qml
import torch

from qvunet.reports.benchmark.problem import make_problem
from qvunet.reports.benchmark.systems.pennylane_circuit import qnode
from qvunet.reports.benchmark.systems.torch_layer import Call, forward_backward, leaf


def build(*, ansatz: str, rows: int, **options: int) -> Call:
    """A pass over the problem, ready to be timed."""
    problem = make_problem(ansatz, rows, **options)
    circuit = qnode(problem.ansatz, qml.device("default.qubit"), interface="torch", diff_method="backprop")
    weights = leaf(problem.weights, torch.float32)
    return forward_backward(
        lambda inputs: torch.stack(circuit(inputs, weights), dim=-1), [weights], problem, torch.float32
    )
