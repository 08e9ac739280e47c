"""Hybrid quantum-classical image diffusion that runs on simulators and on quantum hardware.

Where to look, from the command line (`cli`) inwards:

- `config` is an experiment in one YAML file, `data` its images, `run` the directory of what it leaves behind.
- `models` is the network, and `ansatz` holds its circuits.
- `training` trains it, with `batches`, `diffusion` and `checkpoint`; `transfer` takes another run's weights.
- `generation` draws images from a run by `sampling`; `evaluation` compares them with real ones.
- `description` shows what a network is made of, `costs` what its circuits ask of a backend.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qvunet.config import Config, load_config
    from qvunet.models.unet import QVUNet
    from qvunet.sampling import draw_samples
    from qvunet.training import train

_MODULES = {
    "Config": "config",
    "QVUNet": "models.unet",
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
