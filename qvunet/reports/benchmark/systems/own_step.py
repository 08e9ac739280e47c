"""A whole training step of our network: noise, forward, loss, backward, Adam, EMA."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers.training_utils import EMAModel
from torch import Tensor

from qvunet import QVUNet
from qvunet.config.options import DiffusionSection, TrainSection
from qvunet.diffusion.objective import TimestepObjective

TRAIN = TrainSection()
OBJECTIVE = TimestepObjective(DiffusionSection())


def build(*, rows: int, bfloat16: bool = False, **options: Any) -> Callable[[], Sequence[Tensor]]:
    """`options` are those of `QVUNet`."""
    torch.manual_seed(0)
    net = QVUNet(**options)
    optimizer = torch.optim.Adam(net.parameters(), lr=TRAIN.learning_rate, betas=TRAIN.betas, fused=True)
    ema = EMAModel(net.parameters(), decay=TRAIN.ema_decay, foreach=True)
    images = torch.rand(rows, 1, 28, 28) * 2 - 1

    def call() -> Sequence[Tensor]:
        noise = torch.randn_like(images)
        timesteps = torch.randint(OBJECTIVE.num_timesteps, (rows,))
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = OBJECTIVE.losses(net, images, noise, timesteps).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.step(net.parameters())
        return [loss.detach()]

    return call
