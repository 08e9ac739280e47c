"""Hybrid quantum-classical image diffusion that runs on simulators and on quantum hardware.

Where to look, from the command line (`cli`) inwards; each room may import those after it, and none before:

- `reports`: studies that end in a page: benchmarks, circuits on chips, shot noise, tables, prices.
- `training` trains a network; `cards` packs a trained one for others.
- `evaluation` compares what a network draws with real images.
- `generation` draws images from a run; `bundles`: a drawing on hardware as one file that others can check.
- `description` shows what a network is made of, `costs` what its circuits ask of a backend.
- `tasks`: what a config asks a network to learn, and how images come out of it.
- `runs`: the directory of a run, its checkpoints, the machine.
- `diffusion`: the forward process, the objective, samplers.
- `latent`: codes of images, and a denoiser of codes.
- `models`: the network; `cores`: what stands between its angles and expectations; `ansatz`: the circuits.
- `recognition`: what networks see in images.
- `data`: images; `weights`: trained networks, by name; `config`: an experiment in one YAML file;
  `tools`: what any room may use.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qvunet.config import Config, load_config
    from qvunet.diffusion.sampling import draw_samples
    from qvunet.models.unet import QVUNet
    from qvunet.training.trainer import train

_MODULES = {
    "Config": "config",
    "QVUNet": "models.unet",
    "draw_samples": "diffusion.sampling",
    "load_config": "config",
    "train": "training.trainer",
}


def _require_own_backends() -> None:
    """Refuse to run on a package `backends` that is somebody else's: the name is a common one.

    It is found, not imported, which would take longer.

    Raises:
        ImportError: naming the file that was found, and the distribution that it came with.
    """
    spec = find_spec("backends")
    source = spec and spec.loader and getattr(spec.loader, "get_source", lambda name: "")("backends")
    if source and "def make_backend(" in source:
        return
    from importlib.metadata import packages_distributions

    found = spec.origin or list(spec.submodule_search_locations or ()) if spec else "nothing"
    owners = sorted(set(packages_distributions().get("backends", [])) - {"qvunet"})
    by = f", of the distribution {' or '.join(owners)}" if owners else ""
    raise ImportError(
        f"qvunet needs the top-level package `backends` that is installed with it, but Python finds "
        f"{found}{by}. Rename or uninstall that one, or install qvunet in an environment of its own."
    )


_require_own_backends()

__all__ = ["Config", "QVUNet", "draw_samples", "load_config", "train"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: torch and Qiskit take seconds."""
    if name in _MODULES:
        return getattr(importlib.import_module(f"qvunet.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
