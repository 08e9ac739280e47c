"""Training with noisy circuits: equal steps, data and seeds, but for shots and gradient."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import PositiveFloat, PositiveInt, model_validator

from backends.options import BackendOptions
from qvunet.config import Config
from qvunet.data import load_data
from qvunet.models.network import HybridNetwork
from qvunet.reports.shots.executors import Executor
from qvunet.reports.shots.measurement import Bench, Measurement, counted
from qvunet.reports.shots.networks import FreshNetwork
from qvunet.runs.checkpoint import latest_checkpoint, load_weights
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task
from qvunet.training.batches import BatchSource
from qvunet.training.trainer import train


class TrainingCurve(Measurement):
    """The losses of one training run, and its held-out loss with exact circuits at the end."""

    kind: ClassVar[str] = "training_curves"
    network: FreshNetwork
    executor: Executor = Executor()
    shots: PositiveInt | None
    """None trains with exact circuits."""
    gradient: Literal["param_shift", "spsa", "surrogate"] | None = None
    """None without shots, which are exact all the way."""
    spsa_directions: PositiveInt = 1
    steps: PositiveInt
    batch_size: PositiveInt
    learning_rate: PositiveFloat = 2e-3
    holdout_images: PositiveInt = 64

    @model_validator(mode="after")
    def _shots_have_a_gradient(self) -> TrainingCurve:
        if (self.shots is None) != (self.gradient is None):
            raise ValueError("gradient: give one where there are shots, and none where there are not")
        return self

    @property
    def method(self) -> str:
        """The gradient, as tables and plots call it."""
        if self.gradient == "spsa":
            return f"spsa, {counted(self.spsa_directions, 'direction')}"
        return self.gradient or "exact"

    @property
    def title(self) -> str:
        """For people."""
        shots = "" if self.shots is None else f", {self.executor.label}, {self.shots} shots"
        return f"{self.network.label}, {self.method}{shots}"

    def measure(self, bench: Bench) -> dict[str, Any]:
        """Train in a run directory of the workspace, or go on with the run that is there."""
        config = self.config(bench.device)
        run = RunDirectory(bench.workspace)
        train(config, run, resume=run.config_file.exists())
        metrics = run.read_metrics()
        model = self.network.load(bench.device).model
        load_weights(latest_checkpoint(run.checkpoints) / "ema", model)
        return {
            "method": self.method,
            "loss": [round(line["loss"], 6) for line in metrics],
            "circuit_grad_norm": [line["circuit_grad_norm"] for line in metrics],
            "seconds": metrics[-1]["seconds"],
            "holdout_loss": holdout_loss(model, config, self.holdout_images),
        }

    def config(self, device: torch.device) -> Config:
        """The experiment."""
        options: dict[str, Any] = {"steps": self.steps, "batch_size": self.batch_size}
        options |= {"learning_rate": self.learning_rate}
        # The gradients of circuits are small: with the usual epsilon Adam would hardly move their weights.
        options |= {"adam_eps": 1e-12, "ema_decay": 0.9, "sample_every": None, "keep_checkpoints": 1}
        options |= {"checkpoint_every": max(1, self.steps // 10)}
        values = self.network.config().model_dump() | {
            "device": device.type,
            "backend": self._backend_options(),
            "train": options,
            "sample": {"num": 1, "steps": 1},  # training ends with a grid, which nobody looks at here
        }
        return Config.model_validate(values)

    def _backend_options(self) -> BackendOptions:
        options = {"gradient": self.gradient, "spsa_directions": self.spsa_directions, "seed": self.seed}
        return self.executor.make(self.shots, **options).options


@torch.inference_mode()
def holdout_loss(model: HybridNetwork, config: Config, number: int) -> float:
    """The training objective on held-out images, at timesteps and with noise that are the same for all."""
    task, device = make_task(config), next(model.parameters()).device
    examples = task.examples(load_data(config.data).holdout)
    batch = BatchSource(examples, number, task.objective, 0, 0, 1, device).batch(0)
    return float(task.objective.losses(model, batch.clean, batch.noise, batch.levels).mean())
