"""From account, estimate and consent to pictures, over HTTP: what a rehearsal gives, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from backends import make_backend
from backends.devices.device import SubDevice
from qvunet.ansatz import basic_entangler
from qvunet.bundles.archive import unpack
from tests.qvunet.conftest import TINY

SEED = 7


@pytest.fixture
def same_seeds(service, monkeypatch):
    """Noise of one seed in every job. Seeds are not sent: a chip needs none."""
    service.seed = SEED
    monkeypatch.setattr("backends.ibm.jobs.JobRunner._seed", lambda self, request: SEED)


@pytest.fixture
def whole_chip(monkeypatch):
    """Rehearsals on all qubits of the chip, idle ones too, as the service reads them all out."""
    monkeypatch.setattr(
        "backends.ibm.site.restrict",
        lambda circuit, device: (circuit, SubDevice(device, range(device.num_qubits))),
    )


def picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path / "grid.png"))


@pytest.mark.parametrize("mode", ["job", "batch", "session"])
def test_a_layer_gives_what_its_rehearsal_gives(service, same_seeds, mode):
    values = []
    for name in ("ibm_manila", "fake_manila"):
        torch.manual_seed(0)
        backend = make_backend("ibm_runtime", backend_name=name, shots=64, mode=mode)
        layer = backend.layer(basic_entangler(num_qubits=5, num_layers=1))
        with torch.no_grad():
            values.append(layer(torch.linspace(0, 3, 10).reshape(2, 5)))
    torch.testing.assert_close(values[0], values[1], atol=0, rtol=0)
    (job,) = service.jobs.values()
    modes = [session["mode"] for session in service.sessions.values()]
    assert modes == {"job": [], "batch": ["batch"], "session": ["dedicated"]}[mode]
    assert job.request.get("session_id") == next(iter(service.sessions), None)


def test_a_picture_by_the_environment_s_account_is_the_rehearsal_s(
    service, same_seeds, whole_chip, sample, tmp_path
):
    result = sample("real", "--yes")
    assert result.exit_code == 0, result.output
    assert "device       least_busy, mode batch" in result.stdout
    assert "8 of 16 shots, in 4 jobs" in result.stdout
    assert "QPU time     about 8 s; max_qpu_seconds is 60" in result.stdout
    assert {job.request["backend"] for job in service.jobs.values()} == {
        "ibm_guadalupe"
    }  # the only large one
    assert [session["accepting_jobs"] for session in service.sessions.values()].count(True) == 0
    rehearsed = sample("rehearsed", "--yes", "--set=backend.backend_name=fake_guadalupe")
    assert rehearsed.exit_code == 0, rehearsed.output
    np.testing.assert_array_equal(picture(tmp_path / "real"), picture(tmp_path / "rehearsed"))
    assert len(service.jobs) == 4
    again = sample("again", "--yes")
    assert "done before  4 jobs; 12 s of QPU time spent" in again.stdout
    assert len(service.jobs) == 4


def test_a_picture_by_a_saved_account_in_sessions_and_its_bundle(
    saved_account, sample, qvunet, run, tmp_path, monkeypatch
):
    result = sample(
        "real",
        "--set=backend.account=lab",
        "--set=backend.mode=session",
        "--set=backend.backend_name=ibm_guadalupe",
        "--yes",
        f"--bundle={tmp_path / 'drawn.zip'}",
    )
    assert result.exit_code == 0, result.output
    assert picture(tmp_path / "real").size > 0
    assert {session["mode"] for session in saved_account.sessions.values()} == {"dedicated"}
    (journal,) = run.glob("jobs/*ibm_guadalupe*")
    records = [json.loads(path.read_text()) for path in journal.glob("*.json")]
    assert {record["job_id"] for record in records} == set(saved_account.jobs)
    assert [record["qpu_seconds"] for record in records] == [3.0] * 4
    monkeypatch.setattr("socket.socket.connect", None)  # asks nobody
    verified = qvunet("bundle", "verify", tmp_path / "drawn.zip")
    assert verified.exit_code == 0, verified.output
    assert "device       ibm_guadalupe\n" in verified.stdout
    assert f"jobs         4, 12.0 s of QPU time: {', '.join(sorted(saved_account.jobs))}\n" in verified.stdout
    assert "picture      2 images, equal to those of the answers" in verified.stdout
    assert b"account: null" in unpack((tmp_path / "drawn.zip").read_bytes())["network/config.yaml"]


def test_nothing_is_submitted_without_consent(service, sample):
    result = sample("real")
    assert result.exit_code == 2
    assert result.stderr == "error: --yes: needed to submit jobs to ibm_guadalupe where nobody can be asked\n"
    dry = sample("real", "--dry-run")
    assert (dry.exit_code, dry.stderr) == (0, "")
    assert service.jobs == {}


@pytest.mark.slow
def test_a_training_step(service, qvunet, tmp_path):
    """Four jobs forward, the gradient by the exact engine, and four for the images at the end."""
    config = {**TINY, "model": {"ansatz": "fqconv"}, "train": {**TINY["train"], "steps": 1}}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(config))
    result = qvunet(
        "train",
        f"--config={tmp_path / 'tiny.yaml'}",
        f"--run-dir={tmp_path / 'trained'}",
        "--backend=ibm_runtime",
        "--set=sample.steps=1",
        "--set=backend.resilience_level=0",
        "--set=backend.shots=16",
        "--yes",
    )
    assert result.exit_code == 0, result.output
    assert "in 8 jobs" in result.stdout
    assert len(service.jobs) == 8
    assert "in all: 8 done" in qvunet("jobs", "--run", tmp_path / "trained").stdout
