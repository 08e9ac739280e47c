"""Commands on hardware: the estimate, consent, and a command that was killed and is run again."""

from __future__ import annotations

import doctest
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from qvunet.cli import app
from tests.qvunet.conftest import TINY

ON_HARDWARE = [
    "--backend=ibm_runtime",
    "--set=backend.backend_name=fake_kingston",
    "--set=backend.resilience_level=0",
    "--set=backend.shots=4",
    "--sampler=dpmpp",
    "--steps=2",
    "--num=2",
]
"""Eight jobs: two steps, and a circuit in each half of two blocks."""

TOKEN = "planted-token-0123456789"


def run_cli(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hardware")
    (folder / "tiny.yaml").write_text(yaml.safe_dump({**TINY, "train": {**TINY["train"], "steps": 1}}))
    result = run_cli("train", "--config", folder / "tiny.yaml", "--run-dir", folder / "run")
    assert result.exit_code == 0, result.output
    return folder / "run"


def records(run: Path) -> dict[str, dict]:
    found = (json.loads(path.read_text()) for path in run.glob("jobs/*/*.json"))
    return {record["name"]: record for record in found}


def test_dry_run_shows_the_cost_and_leaves_nothing(trained):
    before = sorted(trained.rglob("*"))
    result = run_cli("sample", "--run", trained, *ON_HARDWARE, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "16 of 4 shots, in 8 jobs" in result.stdout
    assert "about 16 s" in result.stdout  # 2 s a job
    assert sorted(trained.rglob("*")) == before


@pytest.mark.parametrize(
    ("guidance", "evaluations"),
    [([], 1), (["--set=model.num_classes=10", "--set=sample.guidance_scale=2"], 2)],
)
def test_dry_run_of_training_counts_gradients_and_grids(tiny_file, tmp_path, guidance, evaluations):
    spsa = ["--set=backend.gradient=spsa", "--set=backend.max_qpu_seconds=1000"]
    where = ["--config", tiny_file, "--run-dir", tmp_path / "run"]
    result = run_cli("train", *where, *ON_HARDWARE[:4], *spsa, *guidance, "--dry-run")
    assert result.exit_code == 0, result.output
    # 4 steps of 4 layers, twice for the gradient, and a grid of 2 images in 2 steps, guided or not.
    num_circuits = 4 * 4 * (4 + 2 * 4) + evaluations * 2 * 4 * 2
    assert f"{num_circuits} of 4 shots, in {4 * 4 * 2 + 2 * 4} jobs" in result.stdout
    assert "param_shift would take" in result.stdout
    assert not (tmp_path / "run").exists()


def test_dry_run_on_a_simulator_says_so(trained):
    result = run_cli("sample", "--run", trained, "--dry-run")
    assert result.exit_code == 0
    assert "nothing is submitted" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--yes: needed"),
        (["--yes", "--set=backend.max_qpu_seconds=10"], "max_qpu_seconds = 10: the command needs about 16 s"),
        (["--yes", "--set=backend.backend_name=fake_nothing"], "fake_kingston"),
        (["--yes", f"--set=backend.token={TOKEN}"], "backend.token: unknown key"),
    ],
)
def test_refused_before_anything_is_submitted(trained, arguments, words):
    result = run_cli("sample", "--run", trained, *ON_HARDWARE, *arguments)
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert TOKEN not in result.output
    assert not (trained / "jobs").exists()


def test_no_account_exits_2(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "qiskit_ibm_runtime.accounts.management._DEFAULT_ACCOUNT_CONFIG_JSON_FILE",
        str(tmp_path / "none.json"),
    )
    for name in [name for name in os.environ if name.startswith("QISKIT_IBM")]:
        monkeypatch.delenv(name)
    result = run_cli("sample", "--run", trained, "--backend=ibm_runtime", "--num=2", "--steps=2", "--yes")
    assert result.exit_code == 2, result.output
    assert "no IBM Quantum account" in result.stderr


def test_a_failure_while_running_exits_1_without_a_token(trained, monkeypatch):
    monkeypatch.setenv("QISKIT_IBM_TOKEN", TOKEN)

    def refuse(**account: object) -> None:
        raise ConnectionError(f"no route to the host, Bearer {TOKEN}")

    monkeypatch.setattr("backends.ibm.site.QiskitRuntimeService", refuse)
    result = run_cli("sample", "--run", trained, "--backend=ibm_runtime", "--num=2", "--steps=2", "--yes")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: IBM Quantum cannot be reached: no route")
    assert TOKEN not in result.output


def test_the_page_s_examples():
    page = Path(__file__).parents[3] / "docs" / "backends" / "ibm_runtime.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert (failed, tried > 8) == (0, True)


def test_killed_half_way_and_run_again_only_what_is_missing_is_submitted(trained):
    command = ["sample", "--run", str(trained), *ON_HARDWARE, "--yes"]
    environment = {**os.environ, "QISKIT_IBM_TOKEN": TOKEN}
    process = subprocess.Popen(
        [sys.executable, "-m", "qvunet", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
    )
    deadline = time.monotonic() + 300
    while sum(r["status"] == "done" for r in records(trained).values()) < 3:
        assert process.poll() is None, process.stdout.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.communicate()
    paid = {name: record for name, record in records(trained).items() if record["status"] == "done"}
    assert len(paid) < 8

    result = run_cli(*command)
    assert result.exit_code == 0, result.output
    assert f"done before  {len(paid)} jobs" in result.stdout
    after = records(trained)
    assert {name: after[name] for name in paid} == paid
    assert sum(record["status"] == "done" for record in after.values()) == 8
    (grid,) = trained.glob("samples/*fake_kingston*/grid.png")
    assert grid.stat().st_size > 0
    assert not any(TOKEN.encode() in path.read_bytes() for path in trained.rglob("*") if path.is_file())

    again = run_cli(*command)
    assert again.exit_code == 0
    assert records(trained) == after


@pytest.fixture(scope="module")
def trained_in_parts(tmp_path_factory) -> Path:
    """Circuits of four parts of three qubits, which rehearse fast."""
    folder = tmp_path_factory.mktemp("parts")
    values = {**TINY, "model": {"ansatz": "fqconv"}, "train": {**TINY["train"], "steps": 1}}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(values))
    result = run_cli("train", "--config", folder / "tiny.yaml", "--run-dir", folder / "run")
    assert result.exit_code == 0, result.output
    return folder / "run"


def test_a_tiled_command_runs_and_goes_on(trained_in_parts):
    run = trained_in_parts
    command = ["sample", "--run", str(run), *ON_HARDWARE, "--set=backend.tiles=4", "--steps=1", "--yes"]
    result = run_cli(*command)
    assert result.exit_code == 0, result.output
    assert "4 of 4 shots, in 4 jobs" in result.stdout
    made = records(run)
    assert [record["tiles"] for record in made.values()] == [4] * 4
    assert all(record["calibration"].startswith("20") for record in made.values())
    *kept, lost = sorted(made)
    for path in run.glob(f"jobs/*/{lost}.*"):
        path.unlink()
    again = run_cli(*command)
    assert again.exit_code == 0, again.output
    assert "done before  3 jobs" in again.stdout
    after = records(run)
    assert after.keys() == made.keys()
    assert [after[name] for name in kept] == [made[name] for name in kept]
