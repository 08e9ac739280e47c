"""What the how-to pages show works, on tiny runs; links, and where CONTRIBUTING says that things are."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from qvunet.cli import app
from tests.qvunet.conftest import TINY, TINY_LATENT
from tests.readme import shell_commands

DOCS = Path(__file__).parents[1] / "docs"
CONTRIBUTING = DOCS.parent / "CONTRIBUTING.md"
SMALLER = {
    "train": ["--set", "train.steps=1", "--set", "sample.num=1", "--set", "sample.steps=1"],
    "sample": ["--num", "1", "--steps", "1"],
    "evaluate": [
        *["--num", "50", "--steps", "1"],
        *["--set", "evaluate.classifier_steps=2", "--set", "evaluate.metrics=[kid]"],
    ],
    "ablate": ["--num", "10", "--kinds", "zero"],
    "describe": [],
    "report": [],
}


def run_commands(page: str) -> None:
    for command in shell_commands(page):
        result = CliRunner().invoke(app, [*command[1:], *SMALLER[command[1]]])
        assert result.exit_code == 0, f"{command}: {result.output}"


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))


def code(page: str, language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    return text


def test_own_images():
    page = (DOCS / "howto" / "data.md").read_text()
    images = np.random.default_rng(0).integers(256, size=(520, 8, 8), dtype=np.uint8)
    for number, image in enumerate(images):
        folder = Path("images", "odd" if number % 2 else "even")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    config = yaml.safe_load(code(page, "yaml"))
    config["data"]["image_size"] = 16
    config["model"]["autoencoder"] = TINY_LATENT["model"]["autoencoder"]
    Path("mine.yaml").write_text(yaml.safe_dump(config))
    run_commands(page)


@pytest.mark.slow  # ablates a U-Net
def test_own_ansatz():
    page = (DOCS / "howto" / "ansatz.md").read_text()
    Path("my_circuits.py").write_text(code(page, "python"))
    Path("digits_demo").write_text(yaml.safe_dump(TINY))  # goes before the packaged experiment
    run_commands(page)


def test_hardware():
    Path("tiny.yaml").write_text(yaml.safe_dump(TINY_LATENT))
    arguments = ["train", "--config", "tiny.yaml", "--run-dir", "runs/mine"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    run_commands((DOCS / "howto" / "hardware.md").read_text())


@pytest.mark.parametrize("folder", ["concepts", "howto", "tutorials", "."])
def test_links_lead_to_files(folder):
    for page in (DOCS / folder).glob("*.md"):
        for link in re.findall(r"\]\((?!http|#)([^)#\s]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page}: {link}"


@pytest.mark.parametrize("what", ["gate", "loss", "job", "ansatz"])
def test_where_things_happen(what):
    """Each file that the table names is there, and defines the name that stands beside it."""
    (row,) = re.findall(rf"^\| [^|]*\b{what}\b[^|]*\? \|.*$", CONTRIBUTING.read_text(), re.MULTILINE)
    places = re.findall(r"`([\w/]+\.py)`, `(\w+)`", row)
    assert len(places) >= 2  # where it is, and where another one goes
    for file, name in places:
        text = (CONTRIBUTING.parent / file).read_text()
        assert re.search(rf"^ *(?:def |class )?{name}\b", text, re.MULTILINE), f"{file}: {name}"
