"""Training in several processes, started as docs/machines.md says: real ones, over gloo on the loopback."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml
from typer.testing import CliRunner

from qvunet.cli import app
from qvunet.config import Config
from qvunet.runs.checkpoint import latest_checkpoint, list_checkpoints
from qvunet.runs.directory import RunDirectory
from qvunet.training.trainer import train
from tests.qvunet.conftest import TINY
from tests.qvunet.training.test_trainer import assert_same_training, change
from tests.readme import shell_commands

PAGE = (Path(__file__).parents[3] / "docs" / "machines.md").read_text()
LAUNCHERS = {"torchrun": "torch.distributed.run", "accelerate": "accelerate.commands.accelerate_cli"}
TWO_CPUS, TWO_GPUS, *MACHINES = [
    shlex.split(line) for line in re.findall(rf"^(?:{'|'.join(LAUNCHERS)}) .*", PAGE, re.MULTILINE)
]
(RESUME,) = shell_commands(PAGE)
STEPS = 4


@pytest.fixture(autouse=True)
def _tiny_demo(tmp_path, monkeypatch):
    """The page's config, made tiny, goes before the packaged experiment."""
    monkeypatch.chdir(tmp_path)
    Path("digits_demo").write_text(yaml.safe_dump(TINY))


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> list[float]:
    """Losses of one process."""
    run = RunDirectory(tmp_path_factory.mktemp("alone") / "run")
    train(Config.model_validate(TINY), run)
    return losses(run)


def losses(run: RunDirectory) -> list[float]:
    return [line["loss"] for line in run.read_metrics()]


def start(command: list[str], *arguments: str) -> subprocess.Popen[str]:
    """One of the page's commands, on CPUs."""
    launcher, *rest = command
    words = [sys.executable, "-m", LAUNCHERS[launcher], *rest, "--set", "device=cpu", *arguments]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(*launched: subprocess.Popen[str]) -> None:
    for process in launched:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output


def at_run(command: list[str], path: str, port: int | None = None) -> list[str]:
    """The command with another run directory and, for several machines on this one, an address here."""
    changed = {"--run-dir": path, "--main_process_ip": "127.0.0.1", "--main_process_port": str(port)}
    return [changed.get(before, word) for before, word in zip(["", *command[:-1]], command, strict=True)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_two_processes_train_as_one_and_one_goes_on(alone):
    finish(start(TWO_CPUS, "--set", "train.steps=2"))
    run = RunDirectory(Path("runs/mine"))
    assert losses(run) == pytest.approx(alone[:2], rel=1e-6)
    result = CliRunner().invoke(app, [*RESUME[1:], "--set", f"train.steps={STEPS}"])
    assert result.exit_code == 0, result.output
    assert losses(run) == pytest.approx(alone, rel=1e-6)


@pytest.mark.slow
def test_two_go_on_where_one_began(alone):
    run = RunDirectory(Path("runs/mine"))
    train(change(Config.model_validate(TINY), train={"steps": 2}), run)
    finish(start(TWO_GPUS, "--resume", "--set", f"train.steps={STEPS}"))
    assert losses(run) == pytest.approx(alone, rel=1e-6)


def interrupt(launcher: subprocess.Popen[str], run: RunDirectory) -> None:
    launcher.send_signal(signal.SIGINT)


def kill_another(launcher: subprocess.Popen[str], run: RunDirectory) -> None:
    """Kill the process that does not write the run."""
    first = int((run.path / ".lock.pid").read_text())
    (other,) = (child for child in psutil.Process(launcher.pid).children() if child.pid != first)
    other.kill()


@pytest.mark.slow
@pytest.mark.parametrize("stop", [interrupt, kill_another])
def test_a_run_that_was_stopped_goes_on_exactly(stop):
    run, whole = RunDirectory(Path("runs/mine")), RunDirectory(Path("runs/whole"))
    launcher = start(TWO_CPUS, "--set", "train.steps=100000", "--set", "train.keep_checkpoints=1000")
    deadline = time.monotonic() + 200
    while len(run.read_metrics()) < 3 and launcher.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    processes = psutil.Process(launcher.pid).children()
    stop(launcher, run)
    output, _ = launcher.communicate(timeout=60)
    assert launcher.returncode != 0, output
    assert len(processes) == 2
    assert not any(process.is_running() for process in processes)
    last = run.read_metrics()[-1]["step"]
    if stop is interrupt:
        assert latest_checkpoint(run.checkpoints).name == f"step_{last:06d}", output
    assert list_checkpoints(run.checkpoints)
    steps = f"train.steps={last + 2}"
    finish(start(TWO_CPUS, "--resume", "--set", steps))
    finish(start(at_run(TWO_CPUS, "runs/whole"), "--set", steps))
    assert not list(run.checkpoints.glob(".*"))
    assert_same_training(run, whole, last + 2)


@pytest.mark.slow
def test_two_machines_train_as_one(alone):
    port = free_port()
    finish(*(start(at_run(command, "runs/mine", port)) for command in MACHINES))
    assert losses(RunDirectory(Path("runs/mine"))) == pytest.approx(alone, rel=1e-6)


@pytest.mark.slow
def test_machines_with_different_checkpoints_are_refused():
    config = Config.model_validate(TINY)
    train(change(config, train={"steps": 1}), RunDirectory(Path("here")))
    shutil.copytree("here", "there")
    train(change(config, train={"steps": 2}), RunDirectory(Path("here")), resume=True)
    port = free_port()
    commands = [
        at_run(command, path, port) for command, path in zip(MACHINES, ("here", "there"), strict=True)
    ]
    for launcher in [start(command, "--resume", "--set", f"train.steps={STEPS}") for command in commands]:
        output, _ = launcher.communicate(timeout=300)
        assert launcher.returncode != 0
        assert "different steps there, [2, 1]" in output
