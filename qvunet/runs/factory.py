"""From a config to the objects it describes."""

from __future__ import annotations

import torch

from backends import make_backend
from backends.errors import UserError
from qvunet.config import Config
from qvunet.models.unet import QVUNet


def build_model(config: Config, noise_seed: int | None = None) -> QVUNet:
    """Make the network of a config with its initial weights, which `config.seed` determines.

    Args:
        config: resolved config.
        noise_seed: of the backend's noise where `backend.seed` gives none; by default `config.seed`.

    Raises:
        UserError: if the model's options do not fit each other or the images.
    """
    torch.manual_seed(config.seed)
    backend = config.backend
    if backend.seed is None:
        backend = backend.model_copy(update={"seed": config.seed if noise_seed is None else noise_seed})
    return QVUNet(
        **config.model.model_dump(),
        sample_size=config.data.image_size,
        in_channels=config.data.channels,
        backend=make_backend(backend),
    )


def image_shape(config: Config) -> tuple[int, int, int]:
    """(C, H, W) of the images."""
    return config.data.channels, config.data.image_size, config.data.image_size


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
