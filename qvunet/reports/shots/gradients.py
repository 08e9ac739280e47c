"""Gradients measured with shots against the exact one, every method spending the same executions.

The loss is ``sum((<Z> - target)^2) / 2`` over some rows, so that forward pass and gradient are both noisy,
as in training. A method's cost for one row is its executions, rows of circuits times shots: one row of
circuits forward, and backward two for each group of shifts, two for each direction of SPSA, or none.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, NamedTuple

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from backends import Backend, CircuitLayer, make_backend
from backends.circuits.program import Ansatz
from backends.gradients.shifts import grouped_executions
from qvunet.reports.shots.executors import Executor
from qvunet.reports.shots.layer_error import random_layer
from qvunet.reports.shots.measurement import Bench, Measurement, counted
from qvunet.reports.shots.statistics import gradient_statistics


class Method(NamedTuple):
    """A way to a gradient.

    Attributes:
        name: of the backends' option `gradient`.
        circuits: rows of circuits that one row of data costs, forward pass included.
        directions: of spsa.
    """

    name: str
    circuits: int
    directions: int = 1

    @property
    def label(self) -> str:
        """How tables and plots call it."""
        return f"spsa, {counted(self.directions, 'direction')}" if self.name == "spsa" else self.name


class Gradients(Measurement):
    """Bias, variance and cosine of each method's gradient, in the weights and in the inputs."""

    kind: ClassVar[str] = "gradients"
    ansatz: str
    num_layers: PositiveInt
    executor: Executor
    executions: tuple[PositiveInt, ...]
    """Budgets for one row; a method takes as many shots as the budget allows."""
    directions: tuple[PositiveInt, ...]
    """Of spsa, each a method of its own."""
    spsa_step: PositiveFloat = 0.1
    rows: PositiveInt
    repeats: Annotated[int, Field(ge=2)]

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.ansatz}, {counted(self.num_layers, 'layer')}, {self.executor.label}"

    def measure(self, bench: Bench) -> dict[str, Any]:
        """Measure; see `Measurement.measure`."""
        layer, inputs = random_layer(self.ansatz, self.num_layers, self.rows, self.seed)
        generator = torch.Generator().manual_seed(self.seed + 1)
        target = 2 * torch.rand(inputs.shape, generator=generator, dtype=inputs.dtype) - 1
        exact = gradient(layer, make_backend("statevector"), inputs, target, repeats=1)
        points = []
        for method in methods(layer.ansatz, self.directions):
            for executions in self.executions:
                if shots := executions // method.circuits:
                    estimates = gradient(layer, self._backend(method, shots), inputs, target, self.repeats)
                    points += [
                        {
                            "method": method.label,
                            "of": of,
                            "executions": executions,
                            "circuits": method.circuits,
                            "shots": shots,
                            **gradient_statistics(estimates[of], exact[of][0]),
                        }
                        for of in exact
                    ]
        return {"points": points}

    def _backend(self, method: Method, shots: int) -> Backend:
        options = {"gradient": method.name, "spsa_directions": method.directions, "spsa_step": self.spsa_step}
        return self.executor.make(shots, seed=self.seed, **options)


def methods(ansatz: Ansatz, directions: tuple[int, ...]) -> list[Method]:
    """Every method with its cost for this circuit."""
    spsa = [Method("spsa", 1 + 2 * k, k) for k in directions]
    return [Method("param_shift", 1 + grouped_executions(ansatz)), *spsa, Method("surrogate", 1)]


def gradient(
    layer: CircuitLayer, backend: Backend, inputs: Tensor, target: Tensor, repeats: int
) -> dict[str, Tensor]:
    """Independent estimates of the gradient, all in one pass: as many circuits with equal weights.

    Args:
        layer: of one circuit; gives the weights.
        backend: what measures, and by which method.
        inputs: (rows, n), radians.
        target: (rows, n).
        repeats: number of estimates.

    Returns:
        (repeats, num_weights) and (repeats, rows * n), by ``weights`` and ``inputs``.
    """
    copies = backend.layer(layer.ansatz, num_circuits=repeats).to(layer.weight.dtype)
    with torch.no_grad():
        copies.weight.copy_(layer.weight.expand(repeats, -1))
    repeated = inputs.unsqueeze(1).repeat(1, repeats, 1).requires_grad_()  # (rows, repeats, n)
    loss = (copies(repeated) - target.unsqueeze(1)).square().sum() / 2
    weights, angles = torch.autograd.grad(loss, [copies.weight, repeated])
    return {"weights": weights, "inputs": angles.transpose(0, 1).flatten(1)}
