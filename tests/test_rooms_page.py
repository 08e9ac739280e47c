"""The page on the rooms of `backends`: its files and names are there, and every room is on it."""

from __future__ import annotations

import re
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BACKENDS = ROOT / "backends"
PAGE = (ROOT / "docs" / "rooms.md").read_text()
DRAWING = ET.parse(ROOT / "docs" / "images" / "rooms.svg")
SVG = "{http://www.w3.org/2000/svg}"
FILE = re.compile(r"[\w/]+\.py")
ROOMS = {path.parent.name + "/" for path in BACKENDS.glob("*/__init__.py")}


def boxes() -> list[tuple[str, str]]:
    """The file of each box of the drawing, and the name in it, if it has one."""
    texts = [{text.get("class"): text.text or "" for text in box} for box in DRAWING.iter(f"{SVG}g")]
    return [(each["file"], each.get("name", "")) for each in texts]


def table(title: str) -> str:
    """The section of the page under a title."""
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


PLACES = sorted({*re.findall(r"`([\w/]+\.py)`,\s`(\w+)`", PAGE), *((f, n) for f, n in boxes() if n)})


@pytest.mark.parametrize(("file", "name"), PLACES)
def test_names_are_where_the_page_says(file, name):
    text = (BACKENDS / file).read_text()
    assert re.search(rf"^ *(?:def |class )?{name}\b", text, re.MULTILINE), f"{file}: {name}"


def test_files_and_rooms_exist():
    drawn = " ".join(DRAWING.getroot().itertext())
    named = {*FILE.findall(PAGE), *FILE.findall(drawn)}
    assert len(named) > 30
    assert not [file for file in named if not (BACKENDS / file).is_file()]
    assert {*re.findall(r"`(\w+/)`", PAGE), *re.findall(r"\b([a-z]+/)(?![\w])", drawn)} <= ROOMS


def test_every_room_and_file_of_the_package_itself_is_on_the_page():
    assert set(re.findall(r"`(\w+/)`", table("Who imports whom"))) == ROOMS
    files = {path.name for path in BACKENDS.glob("*.py")} - {"__init__.py"}
    assert files <= set(re.findall(r"`(\w+\.py)`", table("Who imports whom")))


def test_rooms_stand_in_the_order_of_the_import_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each.get("containers") == ["backends"])
    level = {name: k for k, layer in enumerate(layers) for name in layer.split(" | ")}
    listed = re.findall(r"`(\w+)/`", table("Who imports whom"))
    assert [level[room] for room in listed] == sorted(level[room] for room in listed)


def test_every_room_is_in_the_drawing():
    drawn = " ".join(DRAWING.getroot().itertext())
    assert {room for room in ROOMS if room in drawn} == ROOMS


def test_contributing_and_the_contents_lead_to_it():
    assert "(docs/rooms.md)" in (ROOT / "CONTRIBUTING.md").read_text()
    assert "\nrooms\n" in (ROOT / "docs" / "index.md").read_text()
