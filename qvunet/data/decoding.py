"""Many pictures as one tensor: read in parallel, and kept so that the next start need not."""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import Tensor

from backends.errors import UserError
from qvunet.data.pictures import read_picture
from qvunet.tools.cache import Kept, kept
from qvunet.tools.progress import ProgressReporter

Result = TypeVar("Result")

VERSION = 1
"""Of how pictures are read: a change gives other pixels, so it must not find the old cache."""

SETTLED_SECONDS = 2.0
"""Clocks of file systems are no finer: a file that is younger may change again under the same times."""

_NAMED = 5
"""Files that an error names."""


def read_pictures(files: Sequence[Path], channels: int, size: int) -> Tensor:
    """Read pictures as `qvunet.data.pictures` does, or take what was read from the same files before.

    The set is kept in the cache under a digest of names, sizes and times of its files. Says how many hold
    more than their first frame.

    Args:
        files: at least one.
        channels: 1 for grey, 3 for RGB.
        size: height and width in pixels.

    Returns:
        (len(files), channels, size, size) uint8, 0 to 255.

    Raises:
        UserError: if files cannot be read; names them.
    """
    stamps = [_stamp(path) for path in files]

    def make() -> Kept:
        return _read(files, channels, size)

    if time.time() - max(max(times) for _, _, *times in stamps) / 1e9 < SETTLED_SECONDS:
        found = make()
    else:
        found = kept("pictures", _digest([VERSION, channels, size, stamps]), make)
    if several := found.facts["several_frames"]:
        typer.echo(
            f"note: only the first frame or page is read of the files with several: {several:,}", err=True
        )
    return found.tensors["images"]


def _stamp(path: Path) -> tuple[str, int, int, int]:
    """Name, bytes and times in ns; another content has another time of change, whatever tools set."""
    try:
        found = path.stat()
    except OSError:  # which reading will say
        return str(path.absolute()), 0, 0, 0
    return str(path.absolute()), found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _digest(what: object) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def _read(files: Sequence[Path], channels: int, size: int) -> Kept:
    images = torch.empty(len(files), channels, size, size, dtype=torch.uint8)
    broken: list[str] = []
    several = 0
    for number, result in enumerate(_in_parallel(lambda path: _try(path, channels, size), files)):
        if isinstance(result, UserError):
            broken.append(str(result))
        else:
            images[number] = torch.tensor(result[0])
            several += result[1]
    if broken:
        raise UserError(_these(broken))
    return Kept({"images": images}, {"several_frames": several})


def _try(path: Path, channels: int, size: int) -> tuple[NDArray[np.uint8], bool] | UserError:
    try:
        return read_picture(path, channels, size)
    except UserError as error:
        return error


def _in_parallel(work: Callable[[Path], Result], files: Sequence[Path]) -> Iterator[Result]:
    """Results in order, with progress. Pillow lets other threads run while it decodes."""
    with (
        warnings.catch_warnings(),
        ThreadPool(_num_cores()) as pool,
        ProgressReporter("pictures", len(files), "pictures") as reporter,
    ):
        warnings.filterwarnings("ignore", module="PIL")  # of odd notes in files that it reads all the same
        for done, result in enumerate(pool.imap(work, files), start=1):
            yield result
            reporter.update(done)


def _num_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _these(errors: list[str]) -> str:
    further = f"\nand {len(errors) - _NAMED:,} more" if len(errors) > _NAMED else ""
    return "\n".join(errors[:_NAMED]) + further
