"""The machine that a config asks for."""

from __future__ import annotations

from copy import deepcopy
from typing import TypeVar

import torch
from torch import nn

from backends.errors import UserError
from qvunet.config import Config

Network = TypeVar("Network", bound=nn.Module)


def prepare_torch(config: Config) -> torch.device:
    """Set torch's threads and pick the device.

    Raises:
        UserError: if the configured device is not there.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    available = [
        name
        for name, found in [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())]
        if found
    ]
    available.append("cpu")
    if config.device == "auto":
        return torch.device(available[0])
    if config.device not in available:
        raise UserError(
            f"device: {config.device} is not available on this machine; one of {', '.join(available)}"
        )
    return torch.device(config.device)


def on_cpu(model: Network) -> Network:
    """A network as it can be sent to machines without its device: itself, or a copy."""
    return model if next(model.parameters()).device.type == "cpu" else deepcopy(model).cpu()


def on_configured_device(model: Network, config: Config) -> Network:
    """A network, perhaps from another machine, on the device that a config asks for on this one.

    Raises:
        UserError: if the device is not there.
    """
    nn.Module.to(model, prepare_torch(config))  # diffusers' `to` brings torch's compiler, for seconds
    return model
