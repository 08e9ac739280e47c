"""What the README shows works: its snippet, its commands (on a tiny run), its links."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from qvunet.cli import app
from tests.qvunet.conftest import TINY

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
SHELL = "\n".join(text for language, text in BLOCKS if language == "sh").replace("\\\n", " ")
COMMANDS = [shlex.split(line, comments=True) for line in SHELL.splitlines() if line.startswith("qvunet ")]
SMALLER = {
    "train": ["--set", "train.steps=1"],
    "sample": ["--num", "1", "--steps", "1"],
    "evaluate": [
        "--num",
        "50",
        "--steps",
        "1",
        "--set",
        "evaluate.classifier_steps=2",
        "--set",
        "evaluate.metrics=[kid]",
    ],
    "describe": [],
}


def test_commands(tmp_path, monkeypatch):
    """In order, in an empty directory, with the demo's config made tiny and each command made short."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path / "cache"))
    Path("configs").mkdir()
    Path("configs/digits_demo.yaml").write_text(yaml.safe_dump(TINY))
    assert {command[1] for command in COMMANDS} == SMALLER.keys()
    for _, name, *arguments in COMMANDS:
        result = CliRunner().invoke(app, [name, *arguments, *SMALLER[name]])
        assert result.exit_code == 0, f"{name} {arguments}: {result.output}"


def test_python_snippet():
    (snippet,) = [text for language, text in BLOCKS if language == "python"]
    names: dict[str, object] = {}
    exec(snippet, names)
    assert names["expectations"].shape == (64, 12)
    assert names["noise"].shape == (2, 1, 28, 28)


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)", README))
def test_links(link):
    assert (ROOT / link).exists()


def test_make_targets():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"^make (\w+)", SHELL, re.MULTILINE)) <= set(targets)
