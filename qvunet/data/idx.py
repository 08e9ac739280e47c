"""The idx file format of MNIST (Y. LeCun): a magic number, big-endian sizes, then bytes."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.errors import UserError

UNSIGNED_BYTE = 0x08
"""The format's type code for uint8, the only one that image sets use."""


def read_idx(path: Path, num_dims: int) -> NDArray[np.uint8]:
    """Read an idx file of unsigned bytes, gzipped or not.

    Args:
        path: the file; gzip is recognised by its content.
        num_dims: 3 for images (N, H, W), 1 for labels (N,).

    Raises:
        UserError: if the file is missing, truncated, longer than it says, or not such an idx file.
    """
    content = _read_bytes(path)
    header_size = 4 + 4 * num_dims
    if len(content) < header_size or content[:4] != bytes([0, 0, UNSIGNED_BYTE, num_dims]):
        raise UserError(f"{path}: not an idx file of unsigned bytes with {num_dims} dimension(s)")
    shape = np.frombuffer(content, ">u4", num_dims, offset=4).tolist()
    expected = header_size + math.prod(shape)
    if len(content) != expected:
        raise UserError(f"{path}: {len(content)} bytes, but its header says {expected}; truncated or damaged")
    return np.frombuffer(content, np.uint8, offset=header_size).reshape(shape).copy()


def _read_bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path}: damaged gzip file ({error})") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
