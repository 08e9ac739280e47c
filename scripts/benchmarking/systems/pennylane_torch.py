"""PennyLane default.qubit under torch, the whole batch in one broadcast."""

from __future__ import annotations

import pennylane as qml
import torch

from benchmarking.problem import make_problem
from benchmarking.systems.pennylane_circuit import qnode
from benchmarking.systems.torch_layer import Call, forward_backward, leaf


def build(*, ansatz: str, rows: int, **options: int) -> Call:
    problem = make_problem(ansatz, rows, **options)
    circuit = qnode(problem.ansatz, qml.device("default.qubit"), interface="torch", diff_method="backprop")
    weights = leaf(problem.weights, torch.float32)
    return forward_backward(
        lambda inputs: torch.stack(circuit(inputs, weights), dim=-1), [weights], problem, torch.float32
    )
