"""A run's network as it was trained."""

from __future__ import annotations

from pathlib import Path

from qvunet.models.network import HybridNetwork
from qvunet.runs.checkpoint import load_weights
from qvunet.runs.device import prepare_torch
from qvunet.tasks.base import Task


def load_trained(task: Task, checkpoint: Path) -> HybridNetwork:
    """A run's network with its averaged weights, on the config's device, ready to draw `config.sample`.

    Raises:
        UserError: if the weights are missing, damaged or of another network.
    """
    device = prepare_torch(task.config)
    model = task.network(noise_seed=task.config.sample.seed)
    load_weights(checkpoint / "ema", model)
    if device.type != "cpu":  # where it is already; diffusers' `to` brings torch's compiler, for seconds
        model = model.to(device)
    return model.eval()
