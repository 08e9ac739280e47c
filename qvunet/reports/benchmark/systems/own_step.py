"""A whole training step of our network: noise, forward, loss, backward, Adam, EMA."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from qvunet import QVUNet
from qvunet.config.options import DiffusionSection, TrainSection
from qvunet.diffusion.objective import TimestepObjective
from qvunet.tools.adam import Adam
from qvunet.tools.averaging import WeightAverage

TRAIN = TrainSection()
OBJECTIVE = TimestepObjective(DiffusionSection())


def build(*, rows: int, bfloat16: bool = False, **options: Any) -> Callable[[], Sequence[Tensor]]:
    """`options` are those of `QVUNet`."""
    torch.manual_seed(0)
    net = QVUNet(**options)
    optimizer = Adam(net.parameters(), lr=TRAIN.learning_rate, betas=TRAIN.betas, fused=True)
    ema = WeightAverage(list(net.parameters()), TRAIN.ema_decay)
    images = torch.rand(rows, 1, 28, 28) * 2 - 1

    def call() -> Sequence[Tensor]:
        noise = torch.randn_like(images)
        timesteps = torch.randint(OBJECTIVE.num_timesteps, (rows,))
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = OBJECTIVE.losses(net, images, noise, timesteps).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update()
        return [loss.detach()]

    return call
