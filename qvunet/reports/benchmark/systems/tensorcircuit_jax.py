"""tensorcircuit-ng under JAX: jit and vmap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import tensorcircuit as tc

from qvunet.reports.benchmark.problem import gates, make_problem
from qvunet.reports.benchmark.systems.jax_layer import forward_backward

tc.set_backend("jax")


def build(*, ansatz: str, rows: int, **options: int) -> Callable[[], Sequence[Any]]:
    """A pass over the problem, ready to be timed."""
    problem = make_problem(ansatz, rows, **options)
    num_qubits = problem.ansatz.num_qubits
    operations = gates(problem.ansatz.circuit)

    def circuit(inputs: Any, weights: Any) -> Any:
        made = tc.Circuit(num_qubits)
        for gate in operations:
            angles = [{"theta": angle} for angle in gate.angles(inputs, weights)] or [{}]
            getattr(made, gate.name)(*gate.qubits, **angles[0])
        return jnp.stack([made.expectation_ps(z=[qubit]).real for qubit in range(num_qubits)])

    return forward_backward(circuit, problem)
