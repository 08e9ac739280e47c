"""PennyLane default.qubit under JAX: jit and vmap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import pennylane as qml

from qvunet.reports.benchmark.problem import make_problem
from qvunet.reports.benchmark.systems.jax_layer import forward_backward
from qvunet.reports.benchmark.systems.pennylane_circuit import qnode


def build(*, ansatz: str, rows: int, **options: int) -> Callable[[], Sequence[Any]]:
    """A pass over the problem, ready to be timed."""
    problem = make_problem(ansatz, rows, **options)
    circuit = qnode(problem.ansatz, qml.device("default.qubit"), interface="jax", diff_method="backprop")
    return forward_backward(lambda inputs, weights: jnp.stack(circuit(inputs, weights)), problem)
