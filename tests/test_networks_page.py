"""What docs/networks.md shows is true: its command, that command's output, its code, its links."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from qvunet.ansatz import ANSATZES
from qvunet.cli import app
from qvunet.config import Config
from qvunet.config.options import UNetSection

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "networks.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


def test_the_command_prints_what_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    (command,) = [shlex.split(text) for text in blocks("sh")]
    result = CliRunner().invoke(app, [*command[1:], "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "network.png").exists()
    printed = {line.rstrip() for line in result.stdout.splitlines()}
    shown = [line for text in blocks("") for line in text.splitlines()]
    assert len(shown) > 20
    assert [line for line in shown if line not in printed] == []


def test_an_ansatz_is_added_as_shown():
    """The first block, then a step of training that changes its weights."""
    names: dict[str, Any] = {}
    function, use = blocks("python")
    try:
        exec(function, names)
        exec(use, names)
        assert Config.model_validate({"model": {"ansatz": "ladder"}}).model.ansatz == "ladder"
    finally:
        ANSATZES.pop("ladder", None)
    net = names["net"]
    layers = net.circuit_layers()
    assert [layer.num_circuits for layer in layers.values()] == [10] * 4
    before = {name: layer.weight.detach().clone() for name, layer in layers.items()}
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    noise = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    (net(noise, 10).sample - noise).square().mean().backward()
    optimizer.step()
    for name, layer in layers.items():
        assert (layer.weight != before[name]).any(dim=1).all(), name


def test_every_key_of_the_model_is_explained():
    table = PAGE[: PAGE.index("## Presets")]
    assert [key for key in UNetSection.model_fields if f"`{key}`" not in table] == []


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)", PAGE))
def test_links(link):
    assert (ROOT / "docs" / link).exists()
