from __future__ import annotations

import gzip

import numpy as np
import pytest

from backends.errors import UserError
from qvunet.data.idx import read_idx

IMAGES = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 10, 20, 30, 40, 50, 60])
"""Two images of one row and three columns."""


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_read(tmp_path, pack):
    path = tmp_path / "file"
    path.write_bytes(pack(IMAGES))
    assert np.array_equal(read_idx(path, num_dims=3), [[[10, 20, 30]], [[40, 50, 60]]])


@pytest.mark.parametrize(
    ("content", "num_dims", "words"),
    [
        (IMAGES[:-1], 3, "21 bytes, but its header says 22"),
        (IMAGES + b"x", 3, "23 bytes"),
        (IMAGES[:7], 3, "not an idx file"),
        (b"", 1, "not an idx file"),
        (IMAGES, 1, "not an idx file of unsigned bytes with 1 dimension"),
        (bytes([0, 0, 13]) + IMAGES[3:], 3, "not an idx file"),
        (gzip.compress(IMAGES)[:-9], 3, "damaged gzip"),
        (gzip.compress(IMAGES)[:12] + b"xxxxxxxx", 3, "damaged gzip"),
    ],
)
def test_damage_is_named(tmp_path, content, num_dims, words):
    path = tmp_path / "file.idx"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"file\.idx: .*{words}"):
        read_idx(path, num_dims)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="nothing: cannot be read"):
        read_idx(tmp_path / "nothing", 1)
