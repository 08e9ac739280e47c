"""What a training run did, in a few lines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from torch import Tensor

from qvunet.influence.quick import QuickInfluence

LOSS_WINDOW = 25
"""Logged steps whose mean is called the final loss."""


@dataclass(frozen=True)
class Summary:
    """Outcome of a training run.

    Attributes:
        steps: steps trained.
        seconds: wall time, over all sessions.
        images_per_s: training images a second.
        final_loss: mean of the last `LOSS_WINDOW` logged losses.
        circuit_changes: norm of the change of each circuit layer's weights since step 0, radians.
        samples: the last sample grid.
        checkpoint: the last checkpoint.
        executions: shots of all circuits of a step, in the mean; None if circuit values were exact.
        influence: of the circuits on the held-out loss; None if there are none, or it could not be measured.
    """

    steps: int
    seconds: float
    images_per_s: float
    final_loss: float
    circuit_changes: dict[str, float]
    samples: Path
    checkpoint: Path
    executions: float | None = None
    influence: QuickInfluence | None = None

    @property
    def total_circuit_change(self) -> float:
        """Norm of the change of all circuit weights together, radians."""
        return math.hypot(*self.circuit_changes.values())

    def lines(self) -> list[str]:
        """The summary for a person."""
        circuits = ["circuits     none, the network is classical"]
        if self.circuit_changes:
            circuits = [f"circuits     weights moved by {self.total_circuit_change:.3f} rad in all (norm)"]
            circuits += [
                f"             {change:.3f} rad  {name}" for name, change in self.circuit_changes.items()
            ]
        if self.influence is not None:
            circuits.append(f"influence    {self.influence}")
        if self.executions is not None:
            circuits.append(f"executions   {self.executions:,.0f} a step, forward and backward")
        return [
            f"trained      {self.steps} steps in {self.seconds:.1f} s, {self.images_per_s:.0f} images/s",
            f"final loss   {self.final_loss:.5f} (mean of the last {LOSS_WINDOW} logged steps)",
            *circuits,
            f"checkpoint   {self.checkpoint}",
            f"samples      {self.samples}",
        ]


def circuit_changes(initial: dict[str, Tensor], current: dict[str, Tensor]) -> dict[str, float]:
    """Norm of each layer's change, radians.

    Args:
        initial: weights by layer name, before training.
        current: weights by layer name.
    """
    return {name: float((current[name].detach().cpu() - w.cpu()).norm()) for name, w in initial.items()}


def final_loss(metrics: list[dict[str, Any]]) -> float:
    """Mean of the last logged losses; nan if nothing was logged."""
    return fmean(line["loss"] for line in metrics[-LOSS_WINDOW:]) if metrics else math.nan


def mean_executions(metrics: list[dict[str, Any]]) -> float | None:
    """Mean of the logged steps' executions; None if nothing was measured."""
    executions = [line["executions"] for line in metrics if "executions" in line]
    return fmean(executions) if executions else None
