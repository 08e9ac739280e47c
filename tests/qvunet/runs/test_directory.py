from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from backends.errors import UserError
from qvunet.config import load_config
from qvunet.runs.directory import RunDirectory


@pytest.fixture
def run(tmp_path) -> RunDirectory:
    return RunDirectory(tmp_path / "run")


def contents(run: RunDirectory) -> list[str]:
    return sorted(path.name for path in run.path.iterdir())


def test_a_new_run_needs_an_empty_or_missing_directory(run):
    run.require_new()
    assert not run.path.exists()
    run.path.mkdir()
    run.require_new()
    (run.path / "notes.txt").touch()
    with pytest.raises(UserError, match="neither empty nor a run directory"):
        run.require_new()
    assert contents(run) == ["notes.txt"]


def test_a_run_is_not_begun_twice(run, tiny):
    run.write_config(tiny)
    with pytest.raises(UserError, match="--resume"):
        run.require_new()
    run.require_run()


def test_a_file_is_no_directory(run):
    run.path.touch()
    with pytest.raises(UserError, match="a file, not a directory"):
        run.require_new()


def test_what_is_not_a_run_is_refused(run):
    with pytest.raises(UserError, match="no such directory"):
        run.require_run()
    run.path.mkdir()
    with pytest.raises(UserError, match=r"no config\.yaml"):
        run.require_run()


def test_the_lock_names_its_holder_and_ends_with_it(run):
    with run.locked(), pytest.raises(UserError, match=rf"in use .*process {os.getpid()}"), run.locked():
        pass
    with run.locked():
        pass


def test_a_killed_process_leaves_no_lock(run):
    code = (
        "import pathlib, sys, time; from qvunet.runs.directory import RunDirectory\n"
        "with RunDirectory(pathlib.Path(sys.argv[1])).locked(): print('locked', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, run.path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(UserError, match=rf"process {process.pid}"), run.locked():
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    with run.locked():
        pass


def test_the_config_round_trips(run, tiny):
    run.write_config(tiny)
    assert load_config(run.config_file) == tiny


def test_the_environment_keeps_its_first_session(run, tiny):
    run.record_environment(tiny, 0)
    run.record_environment(tiny, 7)
    record = json.loads(run.environment_file.read_text())
    assert record["seed"] == tiny.seed
    assert record["host_cores"] == os.cpu_count()
    assert record["versions"]["torch"]
    assert record["from_step"] == 0
    assert [session["from_step"] for session in record["resumed"]] == [7]


def test_metrics_are_rewound_and_half_a_line_is_dropped(run):
    run.path.mkdir()
    for step in range(1, 6):
        run.log_metrics({"step": step, "loss": 1 / step})
    with open(run.metrics_file, "a") as file:
        file.write('{"step": 6, "lo')
    assert [line["step"] for line in run.read_metrics()] == [1, 2, 3, 4, 5]
    run.rewind_metrics(3)
    run.log_metrics({"step": 4, "loss": 0.3})
    assert [json.loads(line) for line in run.metrics_file.read_text().splitlines()] == [
        {"step": 1, "loss": 1.0},
        {"step": 2, "loss": 0.5},
        {"step": 3, "loss": 1 / 3},
        {"step": 4, "loss": 0.3},
    ]


def test_damaged_metrics_are_named(run):
    run.path.mkdir()
    run.metrics_file.write_text("{}\nnonsense\n")
    with pytest.raises(UserError, match=r"metrics\.jsonl: damaged"):
        run.read_metrics()
