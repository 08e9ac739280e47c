"""The real client and a service on the loopback; what is replaced is ours: pauses and the throttle."""

from __future__ import annotations

import logging
import os
import shutil
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import yaml
from qiskit_ibm_runtime import QiskitRuntimeService
from typer.testing import CliRunner, Result

from qvunet.cli import app
from qvunet.config import load_config
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task
from tests.qvunet.conftest import TINY
from tests.service.app import API, CRN, Service
from tests.service.server import addresses, serving

TOKEN = "planted-api-key-0123456789-abcdefghij"
WRONG_TOKEN = "planted-wrong-key-9876543210-abcdefghij"

SAMPLING = ["--set=backend.resilience_level=0", "--set=backend.shots=16", "--num=2", "--steps=1"]
"""Four jobs: a circuit in each half of two blocks."""

Command = Callable[..., Result]


@pytest.fixture(scope="session")
def running() -> Iterator[tuple[Service, str]]:
    """The service and its address; started once, as reading the devices takes a second."""
    service = Service(TOKEN)
    with serving(service.app) as root:
        yield service, root


@pytest.fixture
def account_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the client keeps accounts: the one file that may hold a token."""
    return tmp_path_factory.mktemp("account") / "qiskit-ibm.json"


@pytest.fixture
def no_account(running: tuple[Service, str], account_file: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The service at its address, and no account anywhere."""
    service, root = running
    service.reset()
    for name in [name for name in os.environ if name.startswith("QISKIT_IBM")]:
        monkeypatch.delenv(name)
    for name, value in addresses(root).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        "qiskit_ibm_runtime.accounts.management._DEFAULT_ACCOUNT_CONFIG_JSON_FILE", str(account_file)
    )
    monkeypatch.setattr("backends.ibm.jobs.BACK_OFF_SECONDS", (0.0, 0.0, 0.0))
    monkeypatch.setattr("backends.ibm.site.Cloud.poll_seconds", 0.0)
    monkeypatch.setattr("backends.ibm.site.Cloud.jobs_per_minute", None)
    return service


@pytest.fixture
def service(no_account: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The service, and the environment of a user who has a token."""
    monkeypatch.setenv("QISKIT_IBM_TOKEN", TOKEN)
    return no_account


@pytest.fixture
def saved_account(no_account: Service, running: tuple[Service, str]) -> Service:
    """The service, and a user whose account is saved under the name ``lab``."""
    QiskitRuntimeService.save_account(name="lab", token=TOKEN, url=running[1] + API, instance=CRN)
    return no_account


class Spoken(list[str]):
    """Whatever a test has seen a user being told, messages and tracebacks."""


@pytest.fixture(autouse=True)
def spoken(
    running: tuple[Service, str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> Iterator[Spoken]:
    """After every test, no token is in any file, log, warning, output or message."""
    for name in ("qiskit_ibm_runtime", "ibm_cloud_sdk_core", "urllib3", "backends", "qvunet"):
        caplog.set_level(logging.DEBUG, name)
    texts = Spoken()
    yield texts
    out, err = capfd.readouterr()
    places = {
        "output": out + err,
        "log": caplog.text,
        "warnings": "".join(str(each.message) for each in recwarn),
        "messages": "".join(texts),
    }
    found = {where: text.encode() for where, text in places.items()}
    found |= {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    secrets = [token.encode() for token in (TOKEN, WRONG_TOKEN, *running[0].issued)]
    leaks = [where for where, content in found.items() if any(secret in content for secret in secrets)]
    assert leaks == []


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's config and its first weights. Its circuits fall into parts of three qubits, simulated fast."""
    run = RunDirectory(tmp_path_factory.mktemp("untrained"))
    run.config_file.write_text(yaml.safe_dump({**TINY, "model": {"ansatz": "fqconv"}}))
    torch.manual_seed(0)
    network = make_task(load_config(run.config_file), run).network(noise_seed=0)
    network.save_pretrained(run.checkpoints / "step_000000" / "ema")
    return run.path


@pytest.fixture
def run(untrained: Path, tmp_path: Path) -> Path:
    """The same, in a directory of the test's own."""
    return Path(shutil.copytree(untrained, tmp_path / "run"))


@pytest.fixture
def qvunet(spoken: Spoken) -> Command:
    """The command line."""

    def command(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        spoken.append(result.output)
        if result.exc_info is not None:
            spoken.extend(traceback.format_exception(*result.exc_info))
        return result

    return command


@pytest.fixture
def sample(run: Path, qvunet: Command) -> Command:
    """``qvunet sample`` of a few images on hardware, into a directory of that name beside the run."""

    def command(name: str, *arguments: str) -> Result:
        out = f"--out={run.parent / name}"
        return qvunet("sample", f"--run={run}", "--backend=ibm_runtime", out, *SAMPLING, *arguments)

    return command
