"""Runs whose circuit a function made that is gone by now, or makes another."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from backends import UserError
from qvunet import QVUNet
from qvunet.cli import app
from qvunet.config import Config, load_config
from qvunet.latent.denoiser import LatentDenoiser
from qvunet.runs.checkpoint import latest_checkpoint
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task
from qvunet.training.trainer import train
from tests.qvunet.conftest import TINY, TINY_LATENT

MODULE = """
from qiskit.circuit import ParameterVector, QuantumCircuit

def mine(num_layers=1):
    x, w = ParameterVector("x", 4), ParameterVector("w", 4 * num_layers)
    circuit = QuantumCircuit(5)
    for qubit, angle in enumerate(x):
        circuit.rx(angle, qubit)
    for k, angle in enumerate(w):
        circuit.crx(angle, k % 4, 4)
        circuit.cx(4, k % 4)
    return circuit

def pairs(num_layers=1):
    from qvunet.ansatz import Ansatz
    from qiskit.quantum_info import SparsePauliOp

    circuit = mine(num_layers)
    x = sorted((p for p in circuit.parameters if p.name[0] == "x"), key=lambda p: -p.index)
    w = [p for p in circuit.parameters if p.name[0] == "w"]
    zz = [SparsePauliOp.from_sparse_list([("ZZ", [i, 4], 1.0)], 5) for i in range(4)]
    return Ansatz("pairs", circuit, x, w, zz)
"""
ENTRY_POINTS = "[qvunet.ansatze]\nmy_pairs = my_kept_circuits:pairs\n"
KID = {"metrics": ["kid"], "resamples": 50, "classifier_steps": 5, "num": 60, "steps": 1}


PRICES = ("--set", "backend.backend_name=fake_kingston", "--shots", "64", "--tiles", "1", "--steps", "2")


@contextmanager
def installed(folder: Path, module: str = MODULE) -> Iterator[None]:
    """A module of a user's, whose circuit has a name as an entry point too."""
    metadata = folder / "my_kept_circuits-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my_kept_circuits\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    (folder / "my_kept_circuits.py").write_text(module)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("my_kept_circuits", None)


def run_cli(*arguments: object):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def drawn(run: RunDirectory, out: Path, *options: object) -> np.ndarray:
    result = run_cli("sample", "--run", run.path, "--out", out, *options)
    assert result.exit_code == 0, result.output
    return np.asarray(Image.open(out / "grid.png"))


def trained(folder: Path, values: dict, **model: object) -> tuple[RunDirectory, np.ndarray]:
    """A run, and what it draws while its function is there; then the function goes."""
    run = RunDirectory(folder / "mine")
    with installed(folder / "site"):
        config = Config.model_validate(values | {"model": values["model"] | model, "evaluate": KID})
        train(config, run)
        return run, drawn(run, folder / "with")


@pytest.fixture(scope="module")
def unet(tmp_path_factory) -> tuple[RunDirectory, np.ndarray]:
    """By its function, two layers."""
    folder = tmp_path_factory.mktemp("unet")
    return trained(folder, TINY, ansatz="my_kept_circuits:pairs", num_layers=2)


@pytest.fixture(scope="module")
def latent(tmp_path_factory) -> tuple[RunDirectory, np.ndarray]:
    """By its entry point; one circuit reads four of the code's numbers."""
    folder = tmp_path_factory.mktemp("latent")
    return trained(folder, TINY_LATENT, ansatz="my_pairs", num_circuits=2)


@pytest.fixture(params=["unet", "latent"])
def gone(request) -> tuple[RunDirectory, np.ndarray]:
    return request.getfixturevalue(request.param)


def test_the_run_holds_the_circuit(unet):
    run, _ = unet
    facts = json.loads((run.circuit / "ansatz.json").read_text())
    assert facts["name"] == "my_kept_circuits:pairs"
    assert facts["inputs"] == ["x[3]", "x[2]", "x[1]", "x[0]"]
    assert facts["weights"] == [f"w[{k}]" for k in range(8)]
    assert facts["observables"][0] == [["ZZ", [0, 4], 1.0]]
    assert not (run.path / "circuit" / ".circuit").exists()
    with pytest.raises(UserError, match=r"model\.ansatz: .*no module 'my_kept_circuits'"):
        load_config(copy_of_config(run))


def copy_of_config(run: RunDirectory) -> Path:
    """Where no circuit lies beside it."""
    path = run.path / "samples" / "config.yaml"
    path.write_text(run.config_file.read_text())
    return path


def test_pictures_are_the_same_without_the_function(gone, tmp_path):
    run, pictures = gone
    assert np.array_equal(drawn(run, tmp_path / "without"), pictures)
    result = run_cli("sample", "--run", run.path, "--out", tmp_path / "aer", "--backend", "aer_statevector")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("note") == 0


def succeeds(*arguments: object) -> None:
    result = run_cli(*arguments)
    assert result.exit_code == 0, result.output


def test_a_unet_is_described_and_evaluated(unet, tmp_path):
    run, _ = unet
    succeeds("describe", "--run", run.path, "--out", tmp_path)
    succeeds("evaluate", "--run", run.path, "--num", "60", "--out", tmp_path / "evaluation.json")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["evaluation.json", "network.png"]


def test_codes_are_described_ablated_priced_and_packed(latent, tmp_path, monkeypatch):
    run, pictures = latent
    monkeypatch.chdir(tmp_path)
    succeeds("describe", "--run", run.path)
    succeeds("evaluate", "--run", run.path)
    succeeds("ablate", "--run", run.path, "--num", "10", "--kinds", "zero")
    succeeds("report", "prices", "--run", run.path, *PRICES)
    succeeds("card", "--run", run.path)
    monkeypatch.setenv("QVUNET_WEIGHTS", "weights")
    succeeds("sample", "--run", "mine", "--out", "named")
    named = np.asarray(Image.open("named/grid.png")).astype(int)
    assert abs(named - pictures.astype(int)).max() <= 2  # of 255: what rounding to float16 does
    assert LatentDenoiser.from_pretrained("qvunet/mine").config.circuit["name"] == "my_pairs"


def test_training_goes_on_exactly(latent, tmp_path):
    run, whole = (RunDirectory(tmp_path / name) for name in ("moved", "whole"))
    shutil.copytree(latent[0].path, run.path)
    succeeds("train", "--run-dir", run.path, "--resume", "--set", "train.steps=6")
    with installed(tmp_path / "site"):
        train(load_config(run.config_file), whole)
    losses = [[line["loss"] for line in each.read_metrics()] for each in (run, whole)]
    assert len(losses[0]) == 6
    assert losses[0] == losses[1]


CHANGED = MODULE.replace("circuit.cx(4, k % 4)", "circuit.cz(4, k % 4)")


def test_the_kept_circuit_rules_and_a_note_says_so(gone, tmp_path):
    run, pictures = gone
    with installed(tmp_path / "same"):
        assert run_cli("sample", "--run", run.path, "--out", tmp_path / "quiet").stderr.count("note") == 0
    with installed(tmp_path / "changed", CHANGED):
        result = run_cli("sample", "--run", run.path, "--out", tmp_path / "loud")
    name = load_config(run.config_file).model.ansatz
    assert f"note: model.ansatz: {name} makes another circuit now than when {run.path}" in result.stderr
    assert np.array_equal(np.asarray(Image.open(tmp_path / "loud" / "grid.png")), pictures)


def test_networks_load_where_the_function_is_not(gone):
    run, _ = gone
    config = load_config(run.config_file)
    cls = LatentDenoiser if config.model.kind == "latent" else QVUNet
    directory = latest_checkpoint(run.checkpoints) / "ema"
    net = cls.from_pretrained(directory, backend="aer_statevector")
    other = make_task(config, run).network()
    other.load_state_dict(net.state_dict())
    expected = other(*other.example()).sample
    assert torch.allclose(net(*net.example()).sample, expected, atol=1e-5)
    net.save_pretrained(run.path / "samples" / "again")
    again = cls.from_pretrained(run.path / "samples" / "again")
    assert torch.allclose(again(*again.example()).sample, expected, atol=1e-6)


def test_what_is_damaged_is_told_in_one_line(latent, tmp_path):
    run = RunDirectory(tmp_path / "damaged")
    run.circuit.mkdir(parents=True)
    run.config_file.write_text(latent[0].config_file.read_text())
    (run.circuit / "ansatz.json").write_bytes((latent[0].circuit / "ansatz.json").read_bytes())
    config = load_config(run.config_file)
    with pytest.raises(UserError, match=r"circuit\.qpy: missing or damaged"):
        make_task(config, run)
    data = bytearray((latent[0].circuit / "circuit.qpy").read_bytes())
    data[6] = 200
    (run.circuit / "circuit.qpy").write_bytes(data)
    with pytest.raises(UserError, match=r"damaged/circuit: QPY of version 200, .*; install a newer one"):
        make_task(config, run)
    (run.circuit / "ansatz.json").write_text("{}")
    with pytest.raises(UserError, match=r"ansatz\.json: damaged, it names no circuit"):
        load_config(run.config_file)


def test_a_bundle_holds_the_circuit_and_is_verified_without_its_function(latent, tmp_path):
    file = tmp_path / "drawn.zip"
    device = (
        "--set=backend.backend_name=fake_manila",
        "--set=backend.resilience_level=0",
        "--num=1",
        "--steps=1",
    )
    options = ("--backend=ibm_runtime", "--set=backend.shots=16", *device, "--yes", "--bundle", file)
    drawn(latent[0], tmp_path / "out", *options)
    with installed(tmp_path / "site", "raise SystemExit('called')"):
        result = run_cli("bundle", "verify", file)
    assert result.exit_code == 0, result.output
    assert "picture      1 images, equal" in result.stdout
