"""A training step of L. Capece's network, in PyTorch and PennyLane.

Source: lucrezio001/Quantum-Hybrid-Diffusion-Models.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import yaml
from torch import Tensor


def build(*, directory: str, rows: int, ansatz: str) -> Callable[[], Sequence[Tensor]]:
    """As in the repository's train_ddpm.py, in the checkout at `directory`."""
    sys.path.insert(0, directory)
    config = yaml.safe_load(Path(directory, "config/default.yaml").read_text(encoding="utf-8"))
    module = importlib.import_module(f"models.unet_vertex_{ansatz}")
    noising = importlib.import_module("scheduler.linear_noise_scheduler")
    torch.manual_seed(0)
    net = getattr(module, f"Unet_{ansatz}")(config["model_params"])
    scheduler = noising.LinearNoiseScheduler(**config["diffusion_params"])
    optimizer = torch.optim.Adam(net.parameters(), lr=config["train_params"]["lr"])
    images = torch.rand(rows, 1, 28, 28)

    def call() -> Sequence[Tensor]:
        noise = torch.randn_like(images)
        timesteps = torch.randint(scheduler.num_timesteps, (rows,))
        optimizer.zero_grad()
        prediction = net(scheduler.add_noise(images, noise, timesteps), timesteps)
        loss = torch.nn.functional.mse_loss(prediction, noise)
        loss.backward()
        optimizer.step()
        return [loss.detach()]

    return call
