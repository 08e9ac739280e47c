"""Forward and backward for systems that are differentiated, vectorised and compiled by JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from qvunet.reports.benchmark.problem import Problem


def forward_backward(circuit: Callable[[Any, Any], Any], problem: Problem) -> Callable[[], Sequence[Any]]:
    """One compiled call of a circuit, mapped over the rows, and of its gradients.

    Args:
        circuit: (n,) and (num_weights,) to (n,).
        problem: angles and cotangent.
    """
    batched = jax.vmap(circuit, in_axes=(0, None))

    def objective(inputs: Any, weights: Any, cotangent: Any) -> tuple[Any, Any]:
        values = batched(inputs, weights)
        return (values * cotangent).sum(), values

    step = jax.jit(jax.value_and_grad(objective, argnums=(0, 1), has_aux=True))
    arguments = [jnp.asarray(part) for part in (problem.inputs, problem.weights, problem.cotangent)]

    def call() -> Sequence[Any]:
        (_, values), gradients = jax.block_until_ready(step(*arguments))
        return values, *gradients

    return call
