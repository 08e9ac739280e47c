"""What a run has submitted, told from its files, without network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from backends.records.journal import Journal, Record
from backends.records.sent import Sent
from qvunet.cli import app
from tests.qvunet.conftest import TINY


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    def no_network(*arguments, **options):
        raise AssertionError("asked the service")

    monkeypatch.setattr("socket.socket.connect", no_network)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(TINY))
    return tmp_path


def jobs(run: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["jobs", f"--run={run}", *arguments])


def record(name: str, **what) -> Record:
    known = {
        "step": 0,
        "index": 0,
        "request": "0",
        "what": "",
        "device": "ibm_kingston",
        "tags": ["t"],
        "estimated_seconds": 2.5,
    }
    return Record(name=name, **{**known, **what})


def add(journal: Journal, made: Record) -> None:
    journal.add(made, np.zeros((1, 1)), Sent(b"", b""), np.zeros((1, 1)))


def test_jobs_by_command_and_their_sum(run):
    sampled, trained = Journal(run / "jobs" / "sample"), Journal(run / "jobs" / "train")
    add(
        sampled,
        record("a", submitted="2026-11-27T07:30:00+00:00", job_id="c0ffee", status="done", qpu_seconds=3.0),
    )
    sampled.store(sampled.records[0], np.zeros((1, 1)), np.zeros((1, 1)))
    add(trained, record("b", status="failed", qpu_seconds=1.0, error="Error code 1305"))
    add(trained, record("c"))
    result = jobs(run)
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == [str(run / "jobs" / "sample")]
    assert lines[2] == [
        "a",
        "2026-11-27",
        "07:30:00",
        "ibm_kingston",
        "done",
        "2.5",
        "s",
        "3.0",
        "s",
        "c0ffee",
    ]
    assert lines[5] == ["b", "-", "ibm_kingston", "failed", "2.5", "s", "1.0", "s", "-"]
    assert lines[7] == ["b:", "Error", "code", "1305"]
    assert result.stdout.splitlines()[-1] == (
        "in all: 1 done, 1 failed, 1 submitting; 7.5 s of QPU time estimated, 4.0 s used"
    )


def test_a_run_that_submitted_nothing(run):
    assert jobs(run, "--fetch", "--cancel").stdout == "this run has submitted nothing\n"


def test_where_all_jobs_have_ended_nobody_is_asked(run):
    add(Journal(run / "jobs" / "train"), record("b", status="failed"))
    assert jobs(run, "--fetch", "--cancel").exit_code == 0


def test_not_a_run(tmp_path):
    result = jobs(tmp_path / "nowhere")
    assert (result.exit_code, "not a run directory" in result.stderr) == (2, True)


def test_keys_that_are_not_the_account_s(run):
    result = jobs(run, "--set=sample.num=3")
    assert (result.exit_code, "may change now: backend" in result.stderr) == (2, True)
