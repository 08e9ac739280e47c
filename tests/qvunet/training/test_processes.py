"""Training in several processes, started as docs/machines.md says: real ones, over gloo on the loopback, and
between network namespaces where these can be made.

Each process costs 8 to 16 seconds of CPU, most of it for imports.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
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
RESUME = next(command for command in shell_commands(PAGE) if "--resume" in command)
STEPS = 4

pytestmark = pytest.mark.slow


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


def start(
    command: list[str], *arguments: str, before: tuple[str, ...] = (), **environment: str
) -> subprocess.Popen[str]:
    """One of the page's commands, on CPUs."""
    launcher, *rest = command
    words = [*before, sys.executable, "-m", LAUNCHERS[launcher], *rest, "--set", "device=cpu", *arguments]
    environment = {**os.environ, **environment}
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


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
    said = [line for line in output.splitlines() if line.startswith(("interrupted", "error"))]
    if stop is interrupt:
        assert said == ["interrupted"] * 2
        assert latest_checkpoint(run.checkpoints).name == f"step_{last:06d}", output
    else:
        (line,) = said
        assert line.startswith("error: another process of this training has ended")
        assert "[rank0]" not in output  # which begins each line of a traceback
    assert list_checkpoints(run.checkpoints)
    steps = f"train.steps={last + 2}"
    finish(start(TWO_CPUS, "--resume", "--set", steps))
    finish(start(at_run(TWO_CPUS, "runs/whole"), "--set", steps))
    assert not list(run.checkpoints.glob(".*"))
    assert_same_training(run, whole, last + 2)


def test_two_machines_train_as_one(alone):
    port = free_port()
    finish(*(start(at_run(command, "runs/mine", port)) for command in MACHINES))
    assert losses(RunDirectory(Path("runs/mine"))) == pytest.approx(alone, rel=1e-6)


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


@pytest.fixture
def interfaces() -> Iterator[dict[str, str]]:
    """Two network namespaces with the addresses of the page's machines: their interface by their name."""
    if shutil.which("ip") is None:
        pytest.skip("no command `ip`, which makes network namespaces")
    names = {f"qvunet{os.getpid()}{side}": f"veth{os.getpid()}{side}" for side in "ab"}
    try:
        for name in names:
            ip("netns", "add", name)
        (first, one), (second, other) = names.items()
        ip("link", "add", one, "netns", first, "type", "veth", "peer", "name", other, "netns", second)
        for number, (name, interface) in enumerate(names.items(), start=1):
            ip("-n", name, "address", "add", f"10.0.0.{number}/24", "dev", interface)
            for link in ("lo", interface):
                ip("-n", name, "link", "set", link, "up")
        yield names
    except subprocess.CalledProcessError as error:
        pytest.skip(f"network namespaces cannot be made here: {error.stderr}")
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def test_two_machines_with_networks_of_their_own(alone, interfaces):
    assert "export GLOO_SOCKET_IFNAME=" in PAGE
    finish(
        *(
            start(command, before=("ip", "netns", "exec", name), GLOO_SOCKET_IFNAME=interface)
            for command, (name, interface) in zip(MACHINES, interfaces.items(), strict=True)
        )
    )
    assert losses(RunDirectory(Path("shared/mine"))) == pytest.approx(alone, rel=1e-6)


def test_machines_that_do_not_know_their_interface_are_told(interfaces):
    started = [
        start(command, before=("ip", "netns", "exec", name))
        for command, name in zip(MACHINES, interfaces, strict=True)
    ]
    deadline = time.monotonic() + 300
    while all(launcher.poll() is None for launcher in started) and time.monotonic() < deadline:
        time.sleep(0.1)
    for launcher in started:
        launcher.terminate()  # one waits for the other to begin anew
    outputs = [launcher.communicate(timeout=60)[0] for launcher in started]
    told = [line for output in outputs for line in output.splitlines() if line.startswith("error")]
    assert told
    assert all("GLOO_SOCKET_IFNAME must name the network interface" in line for line in told)
