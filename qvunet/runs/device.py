"""The machine that a config asks for."""

from __future__ import annotations

import torch

from backends.errors import UserError
from qvunet.config import Config


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
