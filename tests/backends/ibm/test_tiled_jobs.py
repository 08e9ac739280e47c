"""Tiles on the way to hardware: what is estimated is what is submitted, and what ran is found again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from backends import make_backend
from backends.devices.tiling.layouts import TilePlace
from backends.ibm.backend import IbmRuntimeBackend, Pass
from backends.records.journal import Journal
from qvunet.ansatz import basic_entangler

PAIR = basic_entangler(num_qubits=2, num_layers=1)
INPUTS = torch.tensor([[0.3, 1.1], [2.0, 0.7], [1.3, 0.1]])


def made(**options: Any) -> IbmRuntimeBackend:
    raw = {"backend_name": "fake_manila", "resilience_level": 0, "shots": 64, "max_qpu_seconds": 1e4}
    return make_backend("ibm_runtime", **{**raw, **options})


def evaluate(backend: IbmRuntimeBackend, journal: Journal, backward: bool = False) -> torch.Tensor:
    torch.manual_seed(0)
    layer = backend.layer(PAIR)
    with backend.recording(journal), torch.set_grad_enabled(backward):
        values = layer(INPUTS)
        if backward:
            values.sum().backward()
    return values.detach()


def stamps(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in directory.glob("step*")}


def test_every_row_s_values_come_back_to_it():
    values = evaluate(made(tiles=2, shots=4096), Journal())
    torch.manual_seed(0)
    exact = make_backend("statevector").layer(PAIR)(INPUTS).detach()
    torch.testing.assert_close(values, exact, atol=0.15, rtol=0)
    assert (exact[0] - exact[1]).abs().max() > 0.3


@pytest.mark.parametrize("gradient", ["surrogate", "spsa", "param_shift"])
@pytest.mark.parametrize("tiles", [1, 2, "auto"])
def test_the_estimate_is_what_the_jobs_amount_to(tiles, gradient):
    backend, journal = made(tiles=tiles, gradient=gradient), Journal()
    cost = backend.cost([Pass(PAIR, len(INPUTS), backward=True)])
    evaluate(backend, journal, backward=True)
    assert len(journal.records) == cost.jobs
    assert sum(record.estimated_seconds for record in journal.records) == pytest.approx(cost.qpu_seconds)
    assert (backend.tally.circuits, backend.tally.executions) == (cost.circuits, cost.executions)
    shifts = {"surrogate": 0, "spsa": 2, "param_shift": 2 * 4}[gradient]
    used = 1 if tiles == 1 else 2
    assert cost.circuits == -(-3 // used) + -(-3 * shifts // used)


def test_alike_evaluations_cost_as_often_as_they_are_made():
    backend = made(tiles=2)
    some, other = Pass(PAIR, 3), Pass(PAIR, 5)
    assert backend.cost([some, other, some]) == backend.cost([some]) * 2 + backend.cost([other])


def test_a_job_s_record_says_how_it_was_tiled_and_when_the_device_was_calibrated(tmp_path):
    evaluate(made(tiles=2), Journal(tmp_path))
    (record,) = Journal(tmp_path).records
    assert record.tiles == 2
    assert record.calibration is not None
    assert record.calibration.startswith("20")
    assert "2 tiles" in record.what


def test_auto_keeps_to_its_choice_when_the_calibration_has_changed(tmp_path, monkeypatch):
    first = evaluate(made(tiles="auto"), Journal(tmp_path))
    before = stamps(tmp_path)
    (record,) = Journal(tmp_path).records
    assert record.tiles == 2
    monkeypatch.setattr("backends.ibm.estimator.place_tiles", lambda *_, **__: iter([TilePlace((0, 1), 0.9)]))
    assert made(tiles="auto").cost([Pass(PAIR, 3)]).circuits == 3  # what a new command would choose now
    again = made(tiles="auto")
    again.recall(Journal(tmp_path))
    assert again.cost([Pass(PAIR, 3)]).circuits == 2
    assert torch.equal(evaluate(made(tiles="auto"), Journal(tmp_path)), first)
    assert stamps(tmp_path) == before


def test_another_number_of_tiles_is_another_question(tmp_path):
    evaluate(made(tiles=2), Journal(tmp_path))
    evaluate(made(tiles=1), Journal(tmp_path))
    assert len(Journal(tmp_path).records) == 2


def test_a_large_chip_holds_many_tiles():
    backend = made(backend_name="fake_kingston", tiles=3)
    values = evaluate(backend, Journal())
    assert backend.tally.circuits == 1
    assert values.shape == (3, 2)
    assert backend.num_qubits([Pass(PAIR, 3)]) == 6
