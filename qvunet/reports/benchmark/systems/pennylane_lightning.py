"""PennyLane lightning.qubit with adjoint differentiation."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import torch

from qvunet.reports.benchmark.problem import make_problem
from qvunet.reports.benchmark.systems.pennylane_circuit import qnode
from qvunet.reports.benchmark.systems.torch_layer import Call, forward_backward, leaf


def build(*, ansatz: str, rows: int, **options: int) -> Call:
    """A pass over the problem, ready to be timed."""
    problem = make_problem(ansatz, rows, **options)
    device = qml.device("lightning.qubit", wires=problem.ansatz.num_qubits, c_dtype=np.complex64)
    circuit = qnode(problem.ansatz, device, interface="torch", diff_method="adjoint")
    # The device's gradients are float64 and torch wants those of its own dtype.
    weights = leaf(problem.weights, torch.float64)
    return forward_backward(
        lambda inputs: torch.stack(circuit(inputs, weights), dim=-1), [weights], problem, torch.float64
    )
