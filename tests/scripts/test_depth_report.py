from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
from PIL import Image
from qiskit.circuit import QuantumCircuit

from qvunet.ansatz import basic_entangler
from tests.scripts.commands import report


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Writes a report, with few tries where the compiler searches."""
    from backends.devices.lowering import routing

    monkeypatch.setattr(routing, "STARTS_PER_QUBIT", 1)

    def call(*arguments: str) -> Path:
        assert report("depth", *arguments, "--out", tmp_path) == 0
        return tmp_path

    return call


def test_a_small_report(run, capsys):
    out = run(
        *["--ansatz", "fqconv", "--device", "line", "--qubits", "13", "--seeds", "2"],
        *["--lowering", "stock", "fractional", "--optimization-level", "1"],
    )
    document = json.loads((out / "depth.json").read_text())
    stock, fractional = document["cases"]
    assert (fractional["median"]["two_qubit_gates"], fractional["median"]["swaps"]) == (16, 4)
    assert stock["ratio_to_stock"]["two_qubit_gates"] == 1
    assert fractional["ratio_to_stock"]["two_qubit_gates"] == 16 / stock["median"]["two_qubit_gates"] < 0.45
    assert 0 < fractional["median"]["success_idle"] < fractional["median"]["success"] < 1
    assert fractional["median"]["success"] > stock["median"]["success"]
    with (out / "depth.csv").open() as file:
        rows = list(csv.DictReader(file))
    labels = [(row["lowering"], row["seed"]) for row in rows]
    assert labels == [("stock", "0"), ("stock", "1"), ("fractional", "0"), ("fractional", "1")]
    assert rows[2]["two_qubit_gates"] == "16"
    for name in ("depth", "fqconv_1_stock", "fqconv_1_fractional"):
        assert min(Image.open(out / f"{name}.png").size) > 200
    page = (out / "depth.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "errors and timings are invented" in page
    assert "assumed to be as good" in page
    assert "| fqconv | 1 | fractional | 16 (16) |" in (out / "depth.md").read_text()
    assert "fractional" in capsys.readouterr().out


def test_qiskit_with_bound_weights_is_a_column_of_its_own_and_right_for_these_weights(run):
    import numpy as np
    from qiskit.quantum_info import SparsePauliOp, Statevector

    from backends.devices.device import restrict
    from qvunet.reports.depth.compile import bound, bound_weights, compile_ansatz
    from qvunet.reports.depth.devices import find_device

    out = run(
        *["--ansatz", "fqconv", "--device", "line", "--qubits", "13", "--seeds", "1"],
        *["--lowering", "stock_bound", "bound", "--optimization-level", "1"],
        *["--noise-error", "--noise-rows", "1", "--shots", "100"],
    )
    document = json.loads((out / "depth.json").read_text())
    stock, ours = (case["median"]["two_qubit_gates"] for case in document["cases"])
    assert ours < stock
    assert document["cases"][1]["ratio_to_stock_bound"]["two_qubit_gates"] == ours / stock
    assert document["cases"][1]["ratio_to_stock"]["two_qubit_gates"] is None
    assert [error["lowering"] for error in document["noise_errors"]] == ["bound"]
    table = (out / "depth.md").read_text()
    assert "2q gates / stock_bound | 2q depth / stock_bound |" in table
    assert "2q gates / stock |" not in table

    ansatz, device = basic_entangler(3, 2), find_device("line", 3)
    inputs, weights = np.array([[0.3, -1.0, 2.0]]), bound_weights(ansatz, seed=4)
    compiled = compile_ansatz(ansatz, device, "stock_bound", 1, seed=4)
    (made,) = (restrict(each, device)[0] for each in bound(compiled, inputs, weights[None]))
    truth = ansatz.circuit.assign_parameters(
        dict(zip([*ansatz.inputs, *ansatz.weights], [*inputs[0], *weights], strict=True))
    )
    for qubit in range(3):
        pauli = SparsePauliOp.from_sparse_list([("Z", [qubit], 1)], 3)
        found = Statevector(made).expectation_value(pauli.apply_layout(made.layout))
        assert found == pytest.approx(Statevector(truth).expectation_value(pauli), abs=1e-9)


def test_noise_errors_are_those_of_the_readout():
    from qvunet.reports.depth.compile import compile_ansatz
    from qvunet.reports.depth.devices import READOUT_ERROR, find_device
    from qvunet.reports.depth.noise import noise_errors

    ansatz, device, shots = basic_entangler(2, 1), find_device("line", 2), 20_000
    compiled = {name: (compile_ansatz(ansatz, device, name, 1, 0), device) for name in ("stock", "merged")}
    steps: list[str] = []
    for error in noise_errors(ansatz, 1, compiled, rows=3, shots=shots, step=steps.append):
        # Readout damps <Z> by 1 - 2 e; of the gates there are too few to double that.
        assert 0.1 * 2 * READOUT_ERROR < error.rmse < 4 * READOUT_ERROR + 3 / shots**0.5
        assert error.interval[0] <= error.rmse <= error.interval[1]
        assert error.ratio_interval[0] <= error.ratio <= error.ratio_interval[1]
    assert len(steps) == 6


def test_an_unknown_device_is_refused(tmp_path, capsys):
    assert report("depth", "--device", "fake_nowhere", "--out", tmp_path) == 2
    assert "'fake_nowhere': unknown; allowed: fake_" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "least", "size", "neighbours"),
    [("line", 5, 5, 2), ("grid", 12, 12, 4), ("heavy_hex", 20, 57, 3), ("all_to_all", 6, 6, 5)],
)
def test_generic_maps(name, least, size, neighbours):
    from qvunet.reports.depth.devices import CZ_ERROR, find_device

    device = find_device(name, least)
    pairs = device.target["cz"]
    assert device.num_qubits == size
    assert max(sum(a == q for a, _ in pairs) for q in range(size)) == neighbours
    assert all(found.error == CZ_ERROR and pair[::-1] in pairs for pair, found in pairs.items())


def test_metrics_of_a_circuit_counted_by_hand():
    from backends.devices.device import routed_layout
    from qvunet.reports.depth.compile import Compiled
    from qvunet.reports.depth.devices import (
        CZ_ERROR,
        CZ_SECONDS,
        READOUT_ERROR,
        READOUT_SECONDS,
        RELAXATION_SECONDS,
        SX_ERROR,
        SX_SECONDS,
        find_device,
    )
    from qvunet.reports.depth.metrics import measure

    circuit = QuantumCircuit(3)
    circuit.sx(0)
    circuit.cz(0, 1)
    circuit.rz(0.3, 1)
    circuit.sx(1)
    circuit.cz(1, 2)
    circuit._layout = routed_layout(circuit, [0, 1, 2])
    found = measure(Compiled(circuit, 1, lambda x, w: x), find_device("line", 3).target, 2.0)
    assert (found.two_qubit_gates, found.two_qubit_depth, found.depth, found.swaps, found.seconds) == (
        2,
        2,
        4,
        1,
        2,
    )
    assert found.duration_us == pytest.approx(1e6 * (2 * SX_SECONDS + 2 * CZ_SECONDS + READOUT_SECONDS))
    errors = (1 - SX_ERROR) ** 2 * (1 - CZ_ERROR) ** 2 * (1 - READOUT_ERROR) ** 3
    assert found.success == pytest.approx(errors)
    waits = (SX_SECONDS + CZ_SECONDS) / RELAXATION_SECONDS  # qubit 0 till the readout; qubit 2 began late
    assert found.success_idle == pytest.approx(errors * (1 / 2 + math.exp(-waits) / 2))
