"""What takes long but can be made again: tensors in the user's cache, under a digest of what they depend on.

The folder is ``$QVUNET_CACHE``, or ``~/.cache/qvunet``; deleting it costs nothing but time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from backends.kept import cache_directory
from qvunet.tools.files import replacing


@dataclass(frozen=True)
class Kept:
    """What was made, or made once and read again.

    Attributes:
        tensors: on the CPU, by name.
        facts: what else is known; anything that JSON can hold.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


class DamagedError(Exception):
    """A file of the cache is not what was written."""


def kept(kind: str, digest: str, make: Callable[[], Kept]) -> Kept:
    """Read from the cache, or make and keep.

    A damaged file is made again. Where nothing can be written, or the disk is full, things are made and not
    kept. While one process makes something, others that want the same wait for it.

    Args:
        kind: folder within the cache.
        digest: of everything that what is made depends on.
        make: makes it.
    """
    file = cache_directory() / kind / f"{digest}.safetensors"
    with _one_process(file):
        try:
            return _read(file)
        except FileNotFoundError:
            pass
        except (DamagedError, OSError) as error:
            typer.echo(f"note: {file}: {error}; it is made again", err=True)
        made = make()
        try:
            _write(file, made)
        except (OSError, SafetensorError) as error:  # the latter where a disk is full
            typer.echo(f"note: {file}: not kept for the next time ({error})", err=True)
    return made


@contextmanager
def _one_process(file: Path) -> Iterator[None]:
    """Hold the lock of a file; do without where a file system has none, or may not be written to."""
    with ExitStack() as stack:
        with suppress(OSError, NotImplementedError):
            file.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(file.with_suffix(".lock")))
        yield


def _read(file: Path) -> Kept:
    if not file.is_file():
        raise FileNotFoundError(file)
    try:
        with safe_open(file, "pt") as opened:
            made = Kept({name: opened.get_tensor(name) for name in opened.keys()}, {})  # noqa: SIM118 (no mapping)
            metadata = opened.metadata()
            made.facts.update(json.loads(metadata["facts"]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"damaged ({error})") from None
    if metadata.get("sha256") != _checksum(made):
        raise DamagedError("damaged (its checksum is another)")
    return made


def _write(file: Path, made: Kept) -> None:
    metadata = {"facts": json.dumps(made.facts), "sha256": _checksum(made)}
    with replacing(file) as temporary:
        save_file(made.tensors, temporary, metadata=metadata)


def _checksum(made: Kept) -> str:
    """Of tensors and facts; safetensors has none of its own."""
    digest = hashlib.sha256(json.dumps(made.facts).encode())
    for name, tensor in sorted(made.tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
