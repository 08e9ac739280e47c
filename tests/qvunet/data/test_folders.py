from __future__ import annotations

import os

import pytest

from backends.errors import UserError
from qvunet.data.folders import find_images


def make(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def names(folder):
    return [path.relative_to(folder.root).as_posix() for path in folder.files]


def test_classes_are_the_first_folders_at_any_depth(tmp_path):
    make(tmp_path, "dogs/b.png", "cats/2025/x/a.jpg", "cats/2024/a.png", "cats/z.webp")
    folder = find_images(tmp_path)
    assert names(folder) == ["cats/2024/a.png", "cats/2025/x/a.jpg", "cats/z.webp", "dogs/b.png"]
    assert folder.labels == [0, 0, 0, 1]
    assert not folder.left_out


def test_a_flat_folder_has_no_classes(tmp_path):
    make(tmp_path, "b.PNG", "a.jpeg")
    folder = find_images(tmp_path)
    assert names(folder) == ["a.jpeg", "b.PNG"]
    assert folder.labels is None


def test_both_layouts_at_once_are_refused(tmp_path):
    make(tmp_path, "a.png", "cats/deep/b.png")
    with pytest.raises(UserError, match=r"mixes images \(a\.png\) and folders of images \(cats\)"):
        find_images(tmp_path)


def test_what_is_left_out_is_counted_in_one_line(tmp_path, capsys):
    make(tmp_path, "cats/a.png", "cats/._a.png", ".DS_Store", "cats/Thumbs.db", "__MACOSX/cats/._a.png")
    make(tmp_path, "cats/b.heic", "cats/notes.TXT", "cats/c.heic", "cats/README", "dogs/.keep")
    folder = find_images(tmp_path)
    assert names(folder) == ["cats/a.png"]
    folder.report()
    assert capsys.readouterr().err == (
        f"note: {tmp_path}: 9 other files are left out (hidden or an operating system's 5, .heic 2, "
        "without a suffix 1, .txt 1); no image in dogs, so no class\n"
    )


def test_nothing_left_out_is_not_worth_a_line(tmp_path, capsys):
    make(tmp_path, "a.png")
    find_images(tmp_path).report()
    assert capsys.readouterr().err == ""


def test_files_whose_names_differ_only_in_case_are_all_there(tmp_path):
    make(tmp_path, "a.png", "A.png", "a.PNG")
    assert len(list(tmp_path.iterdir())) == 3, "this file system cannot tell"
    assert names(find_images(tmp_path)) == ["A.png", "a.PNG", "a.png"]


@pytest.mark.parametrize(("one", "other"), [("Cats", "cats"), ("caf\u00e9", "cafe\u0301")])
def test_classes_whose_names_differ_only_in_case_are_refused(one, other, tmp_path):
    make(tmp_path, f"{one}/a.png", f"{other}/a.png")
    with pytest.raises(UserError, match="differ only in case"):
        find_images(tmp_path)


def test_links_are_followed_but_not_in_circles(tmp_path):
    make(tmp_path, "elsewhere/a.png", "root/dogs/b.png")
    root = tmp_path / "root"
    (root / "cats").symlink_to(tmp_path / "elsewhere")
    (root / "dogs" / "again").symlink_to(root)
    assert names(find_images(root)) == ["cats/a.png", "dogs/b.png"]


def test_a_link_that_leads_nowhere_is_not_left_out_in_silence(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    assert names(find_images(tmp_path)) == ["a.png"]


def test_a_pipe_is_no_image(tmp_path):
    make(tmp_path, "a.png")
    os.mkfifo(tmp_path / "b.png")
    folder = find_images(tmp_path)
    assert names(folder) == ["a.png"]
    assert folder.left_out == {"no regular file": 1}


@pytest.mark.parametrize("files", [(), ("a.txt", "cats/.b.png")])
def test_a_folder_without_images_is_refused(files, tmp_path):
    make(tmp_path, *files)
    with pytest.raises(UserError, match=r"data\.root: no image"):
        find_images(tmp_path)
