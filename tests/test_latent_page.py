"""What the pages on latent diffusion and on influence show works, on a tiny run; keys and links are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from qvunet.cli import app
from qvunet.config.options import AutoencoderSection, LatentSection
from tests.qvunet.conftest import TINY_LATENT
from tests.readme import shell_commands

DOCS = Path(__file__).parents[1] / "docs"
LATENT, INFLUENCE = ((DOCS / name).read_text() for name in ("latent.md", "influence.md"))
SMALLER = {
    "train": ["--set", "train.steps=1"],
    "sample": ["--num", "2", "--steps", "1"],
    "ablate": ["--num", "10"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An empty directory with a tiny latent run as runs/mine."""
    path = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.setenv("QVUNET_CACHE", str(path / "cache"))
        Path("digits_latent_hqconv").write_text(yaml.safe_dump(TINY_LATENT))
        arguments = ["train", "--config", "digits_latent_hqconv", "--run-dir", "runs/mine"]
        assert CliRunner().invoke(app, arguments).exit_code == 0
        yield path


@pytest.mark.parametrize("command", [*shell_commands(LATENT), *shell_commands(INFLUENCE)], ids=" ".join)
def test_commands(command, folder):
    if "--kid" in command:
        pytest.skip("draws; tests of influence do")
    result = CliRunner().invoke(app, [*command[1:], *SMALLER[command[1]]])
    assert result.exit_code == 0, result.output


def test_every_key_is_explained():
    table = LATENT[LATENT.index("## Options") :]
    assert [key for key in LatentSection.model_fields if f"`{key}`" not in table] == []
    assert [key for key in AutoencoderSection.model_fields if f"`{key}`" not in table] == []


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)", LATENT + INFLUENCE))
def test_links(link):
    assert (DOCS / link).exists()
