from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from accelerate.state import AcceleratorState, GradientState

from qvunet.config import Config, load_config

TINY = {
    "device": "cpu",
    "threads": 1,
    "data": {"name": "digits", "image_size": 16},
    "model": {"ansatz": "hqconv"},
    "diffusion": {"num_train_timesteps": 20},
    "train": {"steps": 4, "batch_size": 4, "checkpoint_every": 2, "sample_every": None},
    "sample": {"num": 2, "steps": 2},
}
"""A run of a second or two that still goes through every part."""

TINY_LATENT = {
    **{key: TINY[key] for key in ("device", "threads", "data", "train")},
    "model": {
        **{"kind": "latent", "ansatz": "fqconv", "num_blocks": 1},
        "autoencoder": {"width": 8, "depth": 0, "epochs": 1, "feature_weight": 0.0},
    },
    "sample": {"sampler": "heun", "num": 2, "steps": 2},
    "evaluate": {"sampler": "heun", "steps": 1},
}
"""The same with circuits that denoise codes."""


@pytest.fixture
def tiny_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


@pytest.fixture
def tiny(tiny_file: Path) -> Config:
    return load_config(tiny_file)


@pytest.fixture(autouse=True)
def _fresh_accelerate():
    """Accelerate remembers its first settings for as long as the process lives."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
