from __future__ import annotations

import pytest
from PIL import Image

from backends.errors import UserError
from qvunet.data.decoding import read_pictures


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
    assert "note: of 2 files with several frames or pages only the first is read\n" in capsys.readouterr().err


def test_huge_pictures_are_refused_by_name_and_large_ones_make_no_warnings(files, monkeypatch, recwarn):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    read_pictures(files, 1, 8)
    assert not recwarn.list
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(UserError, match=r"0\.png: .*exceeds limit"):
        read_pictures(files, 1, 8)
