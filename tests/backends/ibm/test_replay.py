"""Answers from stored jobs alone, and whether the device was asked what the network asks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from backends import make_backend
from backends.errors import ExecutionError
from backends.ibm.replay import Replay
from backends.records.journal import Journal
from qvunet.ansatz import basic_entangler

PAIR = basic_entangler(num_qubits=2, num_layers=1)
INPUTS = torch.tensor([[0.3, 1.1], [2.0, 0.7], [1.3, 0.1]])


def evaluate(kept: Journal | Replay, tiles: int | str, inputs: torch.Tensor = INPUTS) -> torch.Tensor:
    raw = {"backend_name": "fake_manila", "resilience_level": 0, "shots": 16}
    backend = make_backend("ibm_runtime", **raw, tiles=tiles)
    torch.manual_seed(0)
    layer = backend.layer(PAIR)
    inside = backend.replaying(kept) if isinstance(kept, Replay) else backend.recording(kept)
    with inside, torch.no_grad():
        return layer(inputs)


def restored(
    journal: Journal, change: Callable[[dict[str, np.ndarray]], None] = lambda arrays: None
) -> Replay:
    """What a journal holds, in memory as if it had been read from a bundle."""
    kept = Journal()
    for record in journal.records:
        arrays = dict(journal.arrays(record))
        change(arrays)
        kept.restore(record, arrays, journal.sent(record))
    return Replay(kept)


@pytest.fixture(params=[1, "auto"])
def drawn(request, tmp_path) -> tuple[int | str, Journal, torch.Tensor]:
    """Tiles, the journal as the next process finds it, and the values."""
    values = evaluate(Journal(tmp_path), request.param)
    return request.param, Journal(tmp_path), values


def test_the_same_values_without_a_device(drawn, monkeypatch):
    monkeypatch.setattr("backends.ibm.estimator.Rehearsal", None)
    tiles, journal, values = drawn
    replay = restored(journal)
    assert torch.equal(evaluate(replay, tiles), values)
    assert replay.angle == 0
    assert replay.value < 1e-9
    assert replay.uncompared == 0
    assert replay.journal.answered == journal.records


def test_inputs_that_were_not_asked_for(drawn):
    tiles, journal, _ = drawn
    with pytest.raises(ExecutionError, match="asks in step 0 what no stored job answers"):
        evaluate(restored(journal), tiles, INPUTS + 0.01)


def test_inputs_that_another_machine_rounds_otherwise(drawn):
    tiles, journal, values = drawn
    replay = restored(journal)
    assert torch.equal(evaluate(replay, tiles, INPUTS + 1e-4), values)
    assert replay.angle == pytest.approx(1e-4, rel=0.01)
    assert replay.value < 1e-9  # both at the stored parameters


def test_a_device_that_was_asked_something_else(drawn):
    tiles, journal, _ = drawn
    replay = restored(journal, lambda arrays: arrays.update(submitted=arrays["submitted"] + 0.1))
    evaluate(replay, tiles)
    assert replay.value > 0.01


def test_circuits_that_are_too_large_to_be_compared(drawn, monkeypatch):
    monkeypatch.setattr("backends.ibm.replay.MAX_EXACT_QUBITS", 1)
    tiles, journal, values = drawn
    replay = restored(journal)
    assert torch.equal(evaluate(replay, tiles), values)
    assert replay.uncompared == 1
