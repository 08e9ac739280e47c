from __future__ import annotations

import os
import threading

import pytest
import torch
from PIL import Image

from backends.errors import UserError
from qvunet.data import decoding
from qvunet.data.decoding import read_pictures
from qvunet.data.pictures import read_picture


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pictures"


@pytest.fixture
def settled(monkeypatch):
    monkeypatch.setattr(decoding, "SETTLED_SECONDS", 0.0)


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(20)]
    for number, path in enumerate(paths):
        Image.new("L", (8, 8), number).save(path)
    return paths


def test_pictures_keep_the_order_of_their_files(files):
    images = read_pictures(files, 1, 8)
    assert images.shape == (20, 1, 8, 8)
    assert images[:, 0, 3, 3].tolist() == list(range(20))


def test_broken_files_are_named(files):
    files[7].write_bytes(b"")
    with pytest.raises(UserError) as caught:
        read_pictures(files, 1, 8)
    assert str(caught.value) == f"{files[7]}: cannot be read as an image (of no format that is known)"
    for path in files[8:]:
        path.write_bytes(b"")
    with pytest.raises(UserError) as caught:
        read_pictures(files, 1, 8)
    *lines, last = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [str(path) for path in files[7:12]]
    assert last == "and 8 more"


def test_files_of_several_frames_are_counted(files, capsys):
    for path in files[:2]:
        Image.new("L", (8, 8)).save(path, save_all=True, append_images=[Image.new("L", (8, 8), 9)])
    read_pictures(files, 1, 8)
    assert (
        "note: only the first frame or page is read of the files with several: 2\n" in capsys.readouterr().err
    )


def test_huge_pictures_are_refused_by_name_and_large_ones_make_no_warnings(files, monkeypatch, recwarn):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    read_pictures(files, 1, 8)
    assert not recwarn.list
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(UserError, match=r"0\.png: .*exceeds limit"):
        read_pictures(files, 1, 8)


def no_reading(*args):
    raise AssertionError("read again")


def test_what_was_read_is_kept(files, settled, monkeypatch, capsys):
    Image.new("L", (8, 8)).save(files[0], save_all=True, append_images=[Image.new("L", (8, 8), 9)])
    first = read_pictures(files, 1, 8)
    assert "pictures 20/20" in capsys.readouterr().err
    monkeypatch.setattr(decoding, "read_picture", no_reading)
    assert torch.equal(read_pictures(files, 1, 8), first)
    assert (
        capsys.readouterr().err == "note: only the first frame or page is read of the files with several: 1\n"
    )


def test_other_files_sizes_and_channels_are_read_afresh(files, settled, monkeypatch):
    read_pictures(files, 1, 8)
    monkeypatch.setattr(decoding, "read_picture", no_reading)
    for other in ((files, 3, 8), (files, 1, 9), (files[1:], 1, 8), (files[::-1], 1, 8)):
        with pytest.raises(AssertionError, match="read again"):
            read_pictures(*other)


def test_a_changed_file_is_read_afresh_even_with_its_old_size_and_time(files, settled):
    assert read_pictures(files, 1, 8)[3, 0, 0, 0] == 3
    before = files[3].stat()
    Image.new("L", (8, 8), 200).save(files[3])
    os.utime(files[3], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert files[3].stat().st_size == before.st_size
    assert read_pictures(files, 1, 8)[3, 0, 0, 0] == 200


def test_files_that_have_just_changed_are_not_kept(files, cache):
    read_pictures(files, 1, 8)
    assert not cache.exists()


def test_broken_sets_are_not_kept(files, settled, cache):
    files[0].unlink()
    with pytest.raises(UserError, match="No such file"):
        read_pictures(files, 1, 8)
    assert not list(cache.glob("*.safetensors"))


def test_pictures_are_read_in_parallel(files, monkeypatch):
    """Two readers wait for each other, which one alone would do in vain."""
    both = threading.Barrier(2, timeout=30)

    def read_together(*args):
        both.wait()
        return read_picture(*args)

    monkeypatch.setattr(decoding, "_num_cores", lambda: 2)
    monkeypatch.setattr(decoding, "read_picture", read_together)
    assert read_pictures(files, 1, 8)[:, 0, 0, 0].tolist() == list(range(20))
