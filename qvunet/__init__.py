"""Hybrid quantum-classical image diffusion that runs on simulators and on quantum hardware."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qvunet.config import Config, load_config
    from qvunet.sampling import draw_samples
    from qvunet.training import train
    from qvunet.unet import QVUNet

_MODULES = {
    "Config": "config",
    "QVUNet": "unet",
    "draw_samples": "sampling",
    "load_config": "config",
    "train": "training",
}

__all__ = ["Config", "QVUNet", "draw_samples", "load_config", "train"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: torch and Qiskit take seconds."""
    if name in _MODULES:
        return getattr(importlib.import_module(f"qvunet.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
