"""The tutorials' cells run: here on tiny runs and with small numbers, as they stand when the site is built.

What the prose says about outputs is asserted in cells that the site leaves out; they hold for the numbers as
they stand, and so are run by the build alone.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from qvunet.cli import app
from tests.qvunet.conftest import TINY, TINY_LATENT

PAGES = sorted((Path(__file__).parents[1] / "docs" / "tutorials").glob("*.md"))
NAMES = [page.stem for page in PAGES]
MARKS = dict.fromkeys(("circuit_matters", "to_chip"), pytest.mark.slow)  # half a minute however small the run
CELL = re.compile(r"```\{code-cell\} ipython3\n(.*?)```", re.DOTALL)
HIDDEN = ":tags: [remove-cell]\n"

TINY_RUNS = {"digits_demo": TINY, "digits_latent_hqconv": TINY_LATENT}
"""What stands under the names of packaged experiments."""
KEPT = ("model.core=", "backend.")
"""What `--set` of a page holds here too; all other settings are those of the tiny run."""
SMALLER = {
    "train": ["--set", "train.steps=1"],
    "ablate": ["--num", "10"],
    "sample": ["--num", "2", "--steps", "1"],
    "report": ["--seeds", "1", "--optimization-level", "1"],
    "jobs": [],
}
REPLACED = {
    "first_picture": {"step_000150": "step_000001"},
    "circuit_matters": {},
    "own_images": {
        "step_000400": "step_000001",
        "NUMBER = 400": "NUMBER = 100",
        "epochs: 40": "epochs: 1",
        "{num: 36}": "{num: 2}",
    },
    "own_circuit": {"STEPS = 150": "STEPS = 2"},
    "shot_noise": {"STEPS = 80": "STEPS = 2", "DRAWS = 40": "DRAWS = 2"},
    "to_chip": {"range(8)": "range(2)", "subplots(2, 8": "subplots(2, 2"},
}
"""By page: what is written otherwise for a tiny run."""


def cells(page: Path) -> Iterator[str]:
    """The cells that a reader sees, made small."""
    for text in CELL.findall(page.read_text()):
        if not text.startswith(HIDDEN):
            for old, new in REPLACED[page.stem].items():
                text = text.replace(old, new)
            yield text


def commands(shell: str) -> Iterator[list[str]]:
    """The arguments of each `qvunet` command in a cell, with those that make it short."""
    for line in shell.replace("\\\n", " ").splitlines():
        program, *arguments = [word for word in shlex.split(line) if word != "&&"]
        assert program == "qvunet"
        yield [*_without_settings(arguments), *SMALLER[arguments[0]]]


def _without_settings(arguments: list[str]) -> Iterator[str]:
    words = iter(arguments)
    for word in words:
        if word != "--set":
            yield word
        elif (setting := next(words)).startswith(KEPT):
            yield from (word, setting)


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=MARKS.get(page.stem, ())) for page in PAGES], ids=NAMES
)
def test_cells_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path / "cache"))
    for name, config in TINY_RUNS.items():
        Path(name).write_text(yaml.safe_dump(config))  # goes before the packaged experiment
    names: dict[str, object] = {"__name__": "__main__"}
    for cell in cells(page):
        if not cell.startswith("%%sh\n"):
            exec(compile(cell, str(page), "exec"), names)
            continue
        for command in commands(cell.removeprefix("%%sh\n")):
            result = CliRunner().invoke(app, command)
            assert result.exit_code == 0, f"{command}: {result.output}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_what_is_replaced_is_there(page):
    for old in REPLACED[page.stem]:
        assert old in page.read_text()
    assert any(cells(page))
