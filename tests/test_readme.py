"""What the README shows works: its snippet, its commands (on a tiny run), its links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from qvunet.cli import app
from tests.qvunet.conftest import TINY, TINY_LATENT
from tests.readme import COMMANDS, README, ROOT, SHELL, SMALLER, SNIPPET, shortened


def test_commands(tmp_path, monkeypatch):
    """In order, in an empty directory, with the demo's config made tiny and each command made short."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path / "cache"))
    for name, config in (("digits_demo", TINY), ("digits_latent_hqconv", TINY_LATENT)):
        Path(name).write_text(yaml.safe_dump(config))  # goes before the packaged experiment
    assert {command[1] for command in COMMANDS} == SMALLER.keys()
    for command in COMMANDS:
        result = CliRunner().invoke(app, shortened(command))
        assert result.exit_code == 0, f"{command}: {result.output}"


def test_python_snippet():
    names: dict[str, object] = {}
    exec(SNIPPET, names)
    assert names["expectations"].shape == (64, 12)
    assert names["noise"].shape == (2, 1, 28, 28)


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)", README))
def test_links(link):
    assert (ROOT / link).exists()


def test_make_targets():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"^make (\w+)", SHELL, re.MULTILINE)) <= set(targets)
