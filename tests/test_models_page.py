"""What the page on trained networks shows works, with a picture or two."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qvunet.cli import app

PAGE = (Path(__file__).parents[1] / "docs" / "models.md").read_text()
FIRST, *_ = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [shlex.split(line, comments=True)[1:] for line in FIRST.splitlines()]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("models"))
        yield


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_commands(here, arguments):
    smaller = ["--num", "2"] if arguments[0] == "sample" else []
    result = CliRunner().invoke(app, [*arguments, *smaller])
    assert result.exit_code == 0, result.output
    assert "digits-latent-fqconv" in result.stdout or "runs/" in result.stdout


def test_python(here):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(code, names)
    assert len(names["net"].circuit_layers()) == 2
