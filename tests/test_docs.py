"""What the pages about backends show is true: their examples are run."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from qvunet.cli import app
from tests.qvunet.conftest import TINY, TINY_LATENT

PAGES = sorted((Path(__file__).parents[1] / "docs" / "backends").glob("*.md"))
TESTED = (
    "README",
    "statevector",
    "aer_statevector",
    "aer_shots",
    "qnn",
    "qml",
    "circuits",
    "estimator",
    "noise",
)
OURS = [page for page in PAGES if page.stem in TESTED]
COMMAND = re.compile(r"^\$ (qvunet sample .*)$", re.MULTILINE)


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.stem)
def test_python_examples(page):
    failed, _ = doctest.testfile(str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("docs") / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    run = path.parent / "run"
    arguments = ["train", "--config", str(path), "--run-dir", str(run), "--set", "train.steps=1"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    return run


@pytest.mark.parametrize(
    "command",
    [command for page in OURS for command in COMMAND.findall(page.read_text())],
)
def test_commands(command, tiny_run, tmp_path):
    """As written, but on a tiny run and with one step of one image."""
    arguments = shlex.split(command)[1:]
    arguments[arguments.index("--run") + 1] = str(tiny_run)
    result = CliRunner().invoke(app, [*arguments, "--num", "1", "--steps", "1", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "grid.png").exists()


def test_training_through_noise(tmp_path):
    """As the page says, but a single step of a tiny network."""
    (command,) = re.findall(
        r"^\$ (qvunet train .*)$", (PAGES[0].parent / "noise.md").read_text(), re.MULTILINE
    )
    config, run = tmp_path / "tiny.yaml", tmp_path / "run"
    config.write_text(yaml.safe_dump(TINY_LATENT))
    arguments = shlex.split(command)[1:]
    arguments[arguments.index("--config") + 1] = str(config)
    arguments[arguments.index("--run-dir") + 1] = str(run)
    result = CliRunner().invoke(app, [*arguments, "--set", "train.steps=1"])
    assert result.exit_code == 0, result.output
    kept = yaml.safe_load((run / "config.yaml").read_text())
    assert kept["backend"]["noise_model"] == "fake_kingston"
    assert kept["backend"]["name"] == "statevector"


def test_there_is_something_to_test():
    assert len(OURS) == len(TESTED)
