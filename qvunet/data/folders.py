"""Which files of a folder are images, which class each has, and what is left out."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import typer
from PIL import Image

from backends.errors import UserError

_NO_PIXELS = {"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF"}
"""Formats that Pillow recognises, but that hold no pixels or need other programs to make some."""

_OF_SYSTEMS = {"__macosx", "thumbs.db", "desktop.ini", "@eadir"}
"""What operating systems leave in folders, beside names that begin with a dot."""


@dataclass(frozen=True)
class Folder:
    """Images of a folder.

    Attributes:
        root: the folder.
        files: in the order of their names, class by class.
        labels: class number of each, in the order of the classes' names; None where there are none.
        left_out: number of other files, by what they are.
        empty: subfolders without an image.
    """

    root: Path
    files: list[Path]
    labels: list[int] | None
    left_out: Counter[str]
    empty: list[str]

    def report(self) -> None:
        """Say in one line what is left out, if anything is."""
        parts = []
        if count := self.left_out.total():
            kinds = ", ".join(f"{kind} {number:,}" for kind, number in self.left_out.most_common())
            parts.append(f"{count:,} other {'file is' if count == 1 else 'files are'} left out ({kinds})")
        if self.empty:
            parts.append(f"no image in {', '.join(self.empty)}, so no class")
        if parts:
            typer.echo(f"note: {self.root}: {'; '.join(parts)}", err=True)


def find_images(root: Path) -> Folder:
    """Find the images of a folder, at any depth.

    Images lie in the folder itself and have no classes, or all in subfolders: the subfolder of the first
    level is the class, however deep below it an image lies.

    Raises:
        UserError: if it is no folder, holds no image, or mixes both layouts, or if the names of two classes
            differ only in case, so that on other systems they would be one.
    """
    if not root.is_dir():
        raise UserError(f"data.root: {root} is not a directory")
    groups: dict[str, list[Path]] = {}
    left_out: Counter[str] = Counter()
    for path in _files_below(root, frozenset()):
        names = path.relative_to(root).parts
        if (kind := _other_kind(path, names)) is None:
            groups.setdefault(names[0] if len(names) > 1 else "", []).append(path)
        else:
            left_out[kind] += 1
    if not groups:
        others = f"; files of other kinds: {left_out.total():,}" if left_out else ""
        raise UserError(
            f"data.root: no image (PNG, JPEG, WebP, TIFF, ...) in {root} or its subfolders{others}"
        )
    if "" in groups and len(groups) > 1:
        raise UserError(
            f"data.root: {root} mixes images ({groups[''][0].name}) and folders of images "
            f"({next(name for name in groups if name)}); use one layout"
        )
    _require_different(root, groups)
    return Folder(
        root,
        files=[path for files in groups.values() for path in files],
        labels=None
        if "" in groups
        else [number for number, files in enumerate(groups.values()) for _ in files],
        left_out=left_out,
        empty=[
            path.name
            for path in _entries(root)
            if path.is_dir() and not _is_hidden(path.name) and path.name not in groups
        ],
    )


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror})") from None


def _files_below(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """Links are followed, but not back to a folder that they lie in."""
    if (real := folder.resolve()) in above:
        return
    for path in _entries(folder):
        if path.is_dir():
            yield from _files_below(path, above | {real})
        else:
            yield path


def _other_kind(path: Path, names: tuple[str, ...]) -> str | None:
    """What a file is if not an image; a link that leads nowhere is a broken image, not another kind."""
    suffix = path.suffix.lower()
    if any(map(_is_hidden, names)):
        return "hidden or an operating system's"
    if suffix not in _suffixes():
        return suffix or "without a suffix"
    return "no regular file" if path.exists() and not path.is_file() else None


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _OF_SYSTEMS


def _require_different(root: Path, classes: Iterable[str]) -> None:
    names: dict[str, str] = {}
    for name in classes:
        other = names.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if other != name:
            raise UserError(
                f"data.root: {root}: the folders {other} and {name} differ only in case, and would be one "
                "class on other systems; rename or merge them"
            )


@cache
def _suffixes() -> frozenset[str]:
    """Lower case, with the dot."""
    known = Image.registered_extensions()
    return frozenset(
        suffix for suffix, name in known.items() if name in Image.OPEN and name not in _NO_PIXELS
    )
