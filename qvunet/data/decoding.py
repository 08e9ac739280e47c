"""Many pictures as one tensor."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
import typer
from torch import Tensor

from backends.errors import UserError
from qvunet.data.pictures import read_picture

_NAMED = 5
"""Files that an error names."""


def read_pictures(files: Sequence[Path], channels: int, size: int) -> Tensor:
    """Read pictures as `qvunet.data.pictures` does; says how many hold more than their first frame.

    Args:
        files: at least one.
        channels: 1 for grey, 3 for RGB.
        size: height and width in pixels.

    Returns:
        (len(files), channels, size, size) uint8, 0 to 255.

    Raises:
        UserError: if files cannot be read; names them.
    """
    images = torch.empty(len(files), channels, size, size, dtype=torch.uint8)
    broken: list[str] = []
    several = 0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # of odd notes in files that it reads all the same
        for number, path in enumerate(files):
            try:
                pixels, more = read_picture(path, channels, size)
            except UserError as error:
                broken.append(str(error))
            else:
                images[number] = torch.tensor(pixels)
                several += more
    if broken:
        raise UserError(_these(broken))
    if several:
        typer.echo(
            f"note: of {several:,} files with several frames or pages only the first is read", err=True
        )
    return images


def _these(errors: list[str]) -> str:
    further = f"\nand {len(errors) - _NAMED:,} more" if len(errors) > _NAMED else ""
    return "\n".join(errors[:_NAMED]) + further
