"""Commands on another vendor's estimator: a journal as on IBM's devices, and a budget in executions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from backends.records.journal import Journal
from qvunet.cli import app
from tests.backends.vendors.factories import Mortal
from tests.qvunet.conftest import TINY

ON_ESTIMATOR = ["--backend=estimator", "--set=backend.factory=tests.backends.vendors.factories:Mortal"]
DRAWING = [*ON_ESTIMATOR, "--sampler=dpmpp", "--steps=2", "--num=1"]
"""Eight jobs: two steps, and a circuit in each half of two blocks, each of one exact value."""


def run_cli(*arguments: object) -> Result:
    Mortal.jobs = 0
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("vendors")
    (folder / "tiny.yaml").write_text(yaml.safe_dump({**TINY, "train": {**TINY["train"], "steps": 1}}))
    result = run_cli("train", "--config", folder / "tiny.yaml", "--run-dir", folder / "run")
    assert result.exit_code == 0, result.output
    return folder / "run"


@pytest.fixture
def run(trained, tmp_path) -> Path:
    return shutil.copytree(trained, tmp_path / "run")


def journal(run: Path) -> Journal:
    (directory,) = (run / "jobs").iterdir()
    return Journal(directory)


def test_a_sample_that_dies_is_gone_on_with_and_gives_the_same_picture(run, tmp_path, monkeypatch):
    whole = run_cli("sample", "--run", shutil.copytree(run, tmp_path / "other"), *DRAWING)
    assert (whole.exit_code, Mortal.jobs) == (0, 8), whole.output

    monkeypatch.setenv("LIVES", "3")
    died = run_cli("sample", "--run", run, *DRAWING)
    assert died.exit_code == 1, died.output
    assert "ConnectionError: no route to the service" in died.stderr
    assert "3 results are kept" in died.stderr

    monkeypatch.delenv("LIVES")
    again = run_cli("sample", "--run", run, *DRAWING)
    assert (again.exit_code, Mortal.jobs) == (0, 5), again.output
    assert "done before  3 jobs; 4 executions spent" in again.stdout
    (picture,) = run.glob("samples/*/grid.png")
    (expected,) = (tmp_path / "other").glob("samples/*/grid.png")
    assert picture.read_bytes() == expected.read_bytes()

    listed = run_cli("jobs", "--run", run, "--fetch")
    assert listed.exit_code == 0, listed.output
    lines = listed.stdout.splitlines()
    assert " ".join(lines[1].split()) == "job submitted (UTC) device state executions id on the service"
    name, day, _, device, state, executions, _ = lines[2].split()
    assert (name[:16], day[:2]) == ("step000001_0000_", "20")
    assert (device, state, executions) == ("Mortal", "done", "1")
    assert lines[-1] == "in all: 8 done, 1 failed; 9 executions"


def test_the_budget_holds_across_restarts_and_may_be_raised(run):
    refused = run_cli("sample", "--run", run, *DRAWING, "--set=backend.max_executions=5")
    assert (refused.exit_code, Mortal.jobs) == (2, 5), refused.output
    assert "max_executions = 5" in refused.stderr
    still = run_cli("sample", "--run", run, *DRAWING, "--set=backend.max_executions=5")
    assert (still.exit_code, Mortal.jobs) == (2, 0), still.output
    enough = run_cli("sample", "--run", run, *DRAWING, "--set=backend.max_executions=8")
    assert (enough.exit_code, Mortal.jobs) == (0, 3), enough.output
    assert journal(run).executions == 8


def test_two_processes_cannot_run_the_same_command(run):
    assert run_cli("sample", "--run", run, *DRAWING).exit_code == 0
    with journal(run).locked():
        second = run_cli("sample", "--run", run, *DRAWING)
    assert second.exit_code == 2
    assert "in use by another process" in second.stderr


def test_a_job_that_never_ended_is_not_looked_for_on_ibm_s_service(run):
    assert run_cli("sample", "--run", run, *DRAWING).exit_code == 0
    kept = journal(run)
    kept.records[0].status = "submitted"
    kept.write(kept.records[0])
    listed = run_cli("jobs", "--run", run, "--fetch", "--cancel")
    assert listed.exit_code == 0, listed.output
    assert listed.stdout.splitlines()[-1] == "in all: 1 submitted, 7 done; 8 executions"


def test_dry_run_names_the_estimator_and_asks_nothing(run):
    before = sorted(run.rglob("*"))
    result = run_cli("sample", "--run", run, *DRAWING, "--set=backend.max_executions=7", "--dry-run")
    assert (result.exit_code, Mortal.jobs) == (0, 0), result.output
    assert "Mortal" in result.stdout
    assert "max_executions is 7" in result.stdout
    assert sorted(run.rglob("*")) == before


def test_no_bundle_is_made_of_them(run, tmp_path):
    result = run_cli("sample", "--run", run, *DRAWING, "--bundle", tmp_path / "b.zip")
    assert (result.exit_code, Mortal.jobs) == (2, 0)
    assert "--backend ibm_runtime" in result.stderr


def test_training_is_kept_too(tiny_file, tmp_path):
    where = ["--config", tiny_file, "--run-dir", tmp_path / "run"]
    steps = ["--set=backend.gradient=surrogate", "--set=train.steps=1", "--set=train.batch_size=1"]
    result = run_cli("train", *where, *ON_ESTIMATOR, *steps)
    assert result.exit_code == 0, result.output
    kept = journal(tmp_path / "run")
    assert kept.directory.name.startswith("train_estimator_")
    asked = Mortal.jobs
    assert len(kept.records) == asked > 4
    listed = run_cli("jobs", "--run", tmp_path / "run")
    assert listed.stdout.splitlines()[-1] == f"in all: {asked} done; {kept.executions} executions"
