"""PennyLane default.qubit under JAX: jit and vmap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import pennylane as qml

from benchmarking.problem import make_problem
from benchmarking.systems.jax_layer import forward_backward
from benchmarking.systems.pennylane_circuit import qnode


def build(*, ansatz: str, rows: int, **options: int) -> Callable[[], Sequence[Any]]:
    problem = make_problem(ansatz, rows, **options)
    circuit = qnode(problem.ansatz, qml.device("default.qubit"), interface="jax", diff_method="backprop")
    return forward_backward(lambda inputs, weights: jnp.stack(circuit(inputs, weights)), problem)
