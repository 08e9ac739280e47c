"""How far a circuit's measured expectations are from the exact ones."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from backends import CircuitLayer, make_backend
from qvunet.ansatz import make_ansatz
from qvunet.reports.shots.executors import Executor
from qvunet.reports.shots.measurement import Bench, Measurement, counted
from qvunet.reports.shots.statistics import error_statistics


class LayerError(Measurement):
    """Root mean square error of <Z_i>, over random inputs, all qubits and repeated measurements."""

    kind: ClassVar[str] = "layer_error"
    ansatz: str
    num_layers: PositiveInt
    executor: Executor
    shots: tuple[PositiveInt, ...]
    rows: PositiveInt
    """Different inputs, uniform in [-pi, pi)."""
    repeats: Annotated[int, Field(ge=2)]
    """Independent measurements of every row."""

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.ansatz}, {counted(self.num_layers, 'layer')}, {self.executor.label}"

    def measure(self, bench: Bench) -> dict[str, Any]:
        """Measure; see `Measurement.measure`."""
        layer, inputs = random_layer(self.ansatz, self.num_layers, self.rows, self.seed)
        with torch.no_grad():
            exact = layer(inputs)
            return {"points": [self._point(layer, inputs, exact, shots) for shots in self.shots]}

    def _point(self, layer: CircuitLayer, inputs: Tensor, exact: Tensor, shots: int) -> dict[str, float]:
        layer.set_backend(self.executor.make(shots, seed=self.seed))
        values = layer(inputs.repeat(self.repeats, 1)).unflatten(0, (self.repeats, -1))
        expected = math.sqrt((1 - exact.square()).mean() / shots)
        return {"shots": shots, **error_statistics(values - exact), "expected": expected}


def random_layer(ansatz: str, num_layers: int, rows: int, seed: int) -> tuple[CircuitLayer, Tensor]:
    """A layer on the exact engine with random weights, in double precision, and inputs for it.

    Returns:
        The layer, and inputs of (rows, n), radians.
    """
    generator = torch.Generator().manual_seed(seed)
    layer = make_backend("statevector").layer(make_ansatz(ansatz, num_layers=num_layers)).double()
    with torch.no_grad():
        layer.weight.uniform_(0, 2 * math.pi, generator=generator)
    uniform = torch.rand(rows, len(layer.ansatz.inputs), generator=generator, dtype=torch.float64)
    return layer, (2 * uniform - 1) * math.pi
