"""Folders of trained networks by name, without a network or torch."""

from __future__ import annotations

import os
from pathlib import Path

from backends.errors import UserError
from qvunet.config.errors import suggest

PREFIX = "qvunet/"
"""Before a name where other names of models may stand, as in ``QVUNet.from_pretrained``."""

FOLDERS_VARIABLE = "QVUNET_WEIGHTS"
"""Environment variable: more folders of named weights, set apart as in ``PATH``, searched first."""

CARD = "README.md"

NETWORK = ("config.json", "diffusion_pytorch_model.safetensors")
"""What `save_pretrained` writes of a network."""

PACKAGED = Path(__file__).resolve().parent
"""The folders that come with the package."""


def weights_names() -> list[str]:
    """Every name, sorted."""
    return sorted({card.parent.name for place in _places() for card in place.glob(f"*/{CARD}")})


def weights_folder(name: str) -> Path:
    """The folder of a name.

    Args:
        name: such as ``mnist-latent-fqconv``, with or without ``qvunet/`` before it.

    Raises:
        UserError: if there is none of that name; lists those that there are.
    """
    bare = name.removeprefix(PREFIX)
    for place in _places():
        if Path(bare).name == bare and (place / bare / CARD).is_file():
            return place / bare
    names = weights_names()
    raise UserError(
        f"{name}: no such directory, and no trained network of that name{suggest(bare, names)}; there are "
        f"{', '.join(names) or 'none'}"
    )


def weights_summary(name: str) -> str:
    """What a network is, in the words of its card's first paragraph."""
    lines = (weights_folder(name) / CARD).read_text(encoding="utf-8").splitlines()
    title = next(k for k, line in enumerate(lines) if line.startswith("# "))
    return next(line for line in lines[title + 1 :] if line)


def _places() -> list[Path]:
    given = os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    return [*(Path(each).expanduser() for each in given if each), PACKAGED]
