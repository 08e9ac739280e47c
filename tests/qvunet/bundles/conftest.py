from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from qvunet.bundles.archive import unpack
from qvunet.cli import app
from tests.readme import shell_commands

TOKEN = "planted-token-0123456789"

PAGE = (Path(__file__).parents[3] / "docs" / "bundles.md").read_text()
SAMPLE, VERIFY = (command[1:] for command in shell_commands(PAGE))
SMALLER = (
    "--set=backend.backend_name=fake_guadalupe",
    "--set=backend.resilience_level=0",
    "--set=backend.shots=16",
    "--set=backend.account=lab-of-alice",
    "--steps=1",
)
"""As the page says, but faster."""


def run_cli(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@dataclass(frozen=True)
class Rehearsed:
    """A drawing on a recorded device: two images in one step, and so a job for each of two blocks."""

    folder: Path
    members: dict[str, bytes]

    @property
    def file(self) -> Path:
        return self.folder / SAMPLE[-1]

    def sample(self, *arguments: str) -> Result:
        return run_cli(*SAMPLE, *SMALLER, *arguments)


@pytest.fixture(scope="package")
def rehearsed(tmp_path_factory) -> Rehearsed:
    folder = tmp_path_factory.mktemp("bundles")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("QISKIT_IBM_TOKEN", TOKEN)
        made = Rehearsed(folder, {})
        result = made.sample()
    assert result.exit_code == 0, result.output
    assert f"bundle       {SAMPLE[-1]}" in result.stdout
    made.members.update(unpack(made.file.read_bytes()))
    return made
