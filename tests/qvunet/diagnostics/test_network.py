from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
import yaml
from matplotlib.image import imread
from rich.console import Console
from typer.testing import CliRunner

from qvunet.ansatz import basic_entangler
from qvunet.cli import app
from qvunet.config import Config
from qvunet.description import build_network
from qvunet.diagnostics import (
    diagnose,
    gradients,
    network,
    print_diagnostics,
    save_diagnostics,
)
from qvunet.diagnostics.network import diagnose_circuit
from tests.qvunet.conftest import TINY
from tests.qvunet.diagnostics.circuits import ghz, rotations
from tests.qvunet.networks import build


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch):
    small = {"samples": 3}
    for name in ("scan_gradients", "expressibility"):
        whole = getattr(network, name)
        monkeypatch.setattr(network, name, lambda *a, whole=whole, **k: whole(*a, **small, **k))
    monkeypatch.setattr(gradients, "LAYERS", (1, 2))
    monkeypatch.setattr(gradients, "MAX_ROW_COST", 5000)


def printed(*circuits) -> str:
    console = Console(file=io.StringIO())
    print_diagnostics(circuits, console)
    return console.file.getvalue()


def test_each_circuit_of_a_network_is_looked_at_once():
    found = diagnose(build(ansatz="fqconv", num_layers=2, hybridization=1.0))
    assert [(each.title, each.num_circuits) for each in found] == [
        ("fqconv, 2 layers", 4 * 13),
        ("basic_entangler, 4 layers", 4),
    ]
    assert found[0].num_weights == 48


def test_a_classical_network_has_none():
    assert diagnose(build()) == []


def test_spectra_are_taken_at_the_weights_of_the_network():
    net = build(ansatz="fqconv")
    before = diagnose(net)[0]
    for layer in net.circuit_layers().values():
        torch.nn.init.zeros_(layer.weight)
    after = diagnose(net)[0]
    assert before.spectrum.shares[0] > 0.5
    assert after.spectrum.shares[0] == pytest.approx(0.5 + 0.5 * 10 / 12, abs=0.1)
    assert after.expressibility == before.expressibility  # random weights


def test_denoisers_of_codes_too():
    values = {"kind": "latent", "ansatz": "fqconv", "uploads": 2}
    (found,) = diagnose(build_network(Config.model_validate({"model": values})))
    assert found.title == "fqconv, 1 layer"
    assert found.spectrum.frequencies == (0, 1, 2)


def test_tables_and_findings():
    weights = torch.ones(1, 16, dtype=torch.float64)
    text = printed(diagnose_circuit(basic_entangler(), weights))
    for words in (
        "Variance of d<O>/dw",
        "Fourier spectrum",
        "States at random",
        "Light cones",
        "1 of 4 qubits",
        "basic_entangler, 4 layers: along each input no frequency above 1",
        "basic_entangler, 4 layers: a laptop simulates this circuit exactly",
    ):
        assert words in text


def test_what_does_not_apply_is_left_out(tmp_path):
    found = diagnose_circuit(ghz(), torch.zeros(1, 0, dtype=torch.float64))
    assert found.gradients is None
    assert found.spectrum is None
    text = printed(found)
    assert "Variance" not in text
    assert "Fourier" not in text
    other = diagnose_circuit(rotations(), torch.zeros(1, 3, dtype=torch.float64))
    save_diagnostics([found, other], "title", tmp_path / "figure.png")
    height, width = imread(tmp_path / "figure.png").shape[:2]
    assert width > 1.5 * height
    assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]


def describe(*arguments: object):
    return CliRunner().invoke(app, ["describe", *map(str, arguments)])


def test_the_command(tiny_file, tmp_path):
    result = describe("--config", tiny_file, "--diagnostics", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "a laptop simulates this circuit" in result.stdout
    record = json.loads((tmp_path / "out/diagnostics.json").read_text())
    assert record["weights"] == "initial"
    (circuit,) = record["circuits"]
    assert circuit["title"] == "hqconv, 1 layer"
    assert circuit["cones"][0] == {"observable": "Z0", "gates": 12, "all_gates": 40, "qubits": [0, 1, 2, 3]}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("diagnostics.json", "diagnostics.png", "network.png"),
    }


def test_without_the_flag_nothing_is_computed(tiny_file, tmp_path):
    assert describe("--config", tiny_file, "--out", tmp_path / "out").exit_code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["network.png"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("diagnostics")
    values = {**TINY, "model": {"ansatz": "fqconv"}, "train": {**TINY["train"], "learning_rate": 0.1}}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(values))
    arguments = ["train", "--config", str(folder / "tiny.yaml"), "--run-dir", str(folder / "run")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    return folder / "run"


def test_a_run_has_its_trained_weights(run, tmp_path):
    result = describe("--run", run, "--diagnostics")
    assert result.exit_code == 0, result.output
    (trained,) = json.loads((run / "description/diagnostics.json").read_text())["circuits"]
    assert describe("--config", run / "config.yaml", "--diagnostics", "--out", tmp_path).exit_code == 0
    (initial,) = json.loads((tmp_path / "diagnostics.json").read_text())["circuits"]
    assert trained["spectrum"] != initial["spectrum"]
    assert trained["gradients"] == initial["gradients"]


def test_refusals(tiny_file, tmp_path):
    out = tmp_path / "out"
    for arguments, words in (
        ([], "--config FILE or --run DIR"),
        (["--config", tiny_file, "--run", tmp_path], "--config FILE or --run DIR"),
        (["--run", tmp_path / "none"], "not a run directory"),
        (["--config", "mnist_compact_classical", "--diagnostics"], "holds no circuits"),
    ):
        result = describe(*arguments, "--out", out)
        assert result.exit_code == 2, result.output
        assert words in result.stderr
        assert not out.exists()
