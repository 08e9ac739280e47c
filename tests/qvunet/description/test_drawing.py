from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from qiskit.circuit import QuantumCircuit
from typer.testing import CliRunner

from qvunet.ansatz import ANSATZES, fqconv
from qvunet.cli import app
from qvunet.description.describe import describe_model
from qvunet.description.drawing import CAPTION, DPI, save_network
from qvunet.description.layout import LINE, WIDTH
from tests.qvunet.networks import build


@pytest.fixture
def drawn(monkeypatch) -> list[QuantumCircuit]:
    """Circuits are collected here in place of being drawn, each an inch high."""
    circuits: list[QuantumCircuit] = []

    def collect(circuit: QuantumCircuit, max_width: float, dpi: int) -> np.ndarray:
        circuits.append(circuit)
        return np.ones((dpi, round(max_width * dpi), 4), dtype=np.float32)

    monkeypatch.setattr("qvunet.description.drawing.circuit_image", collect)
    return circuits


def draw(path: Path, **options: object) -> tuple[int, int]:
    """Draw a network; height and width of the picture."""
    save_network(describe_model(build(**options, double=False)), "title", path)
    return imread(path).shape[:2]


def test_one_layer_of_the_ansatz_and_all_of_the_rest_are_drawn(drawn, tmp_path):
    plain, width = draw(tmp_path / "plain.png")
    assert abs(width - WIDTH * DPI) <= 1
    assert drawn == []
    hybrid, _ = draw(tmp_path / "hybrid.png", ansatz="hqconv", num_layers=3, hybridization=1.0)
    assert [(circuit.name, len(circuit.parameters)) for circuit in drawn] == [
        ("hqconv", 12 + 28),
        ("basic_entangler", 4 + 16),
    ]
    lines_in_boxes, captions = 2 * LINE, 2 * CAPTION
    assert abs(hybrid - plain - (2 + lines_in_boxes + captions) * DPI) <= 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hybrid.png", "plain.png"]


def test_any_registered_ansatz_is_drawn(drawn, monkeypatch, tmp_path):
    monkeypatch.setitem(ANSATZES, "pairs", lambda num_layers: fqconv(num_layers, num_channels=2))
    draw(tmp_path / "a" / "b.png", ansatz="pairs", num_layers=2)
    assert [(circuit.num_qubits, len(circuit.parameters)) for circuit in drawn] == [(8, 8 + 16)]


def test_the_command(tiny_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["describe", "--config", str(tiny_file)])
    assert result.exit_code == 0, result.output
    assert "vertex.a" in result.stdout
    assert "picture      runs/describe/tiny/network.png" in result.stdout
    assert (tmp_path / "runs/describe/tiny/network.png").stat().st_size > 50_000


@pytest.mark.parametrize(
    ("override", "words"),
    [("model.ansatz=none_such", "model.ansatz"), ("data.image_size=8", "sample_size: unit 1 of the vertex")],
)
def test_the_command_refuses(override, words, tiny_file, tmp_path):
    out = tmp_path / "out"
    result = CliRunner().invoke(
        app, ["describe", "--config", str(tiny_file), "--set", override, "--out", str(out)]
    )
    assert result.exit_code == 2
    assert words in result.stderr
    assert not out.exists()
