from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from qvunet.training.summary import LOSS_WINDOW, Summary, circuit_changes, final_loss


def summary(changes: dict[str, float]) -> Summary:
    return Summary(500, 61.5, 520.3, 0.0123, changes, Path("run/samples/step_000500.png"), Path("run/c"))


def test_changes_are_norms_in_radians():
    initial = {"a": torch.zeros(2, 2), "b": torch.ones(3)}
    current = {"a": torch.full((2, 2), 3.0), "b": torch.ones(3)}
    assert circuit_changes(initial, current) == {"a": 6.0, "b": 0.0}


def test_the_final_loss_is_a_mean_of_the_last_steps():
    metrics = [{"loss": 100.0}] + [{"loss": float(i % 2)} for i in range(LOSS_WINDOW)]
    assert final_loss(metrics) == pytest.approx((LOSS_WINDOW // 2) / LOSS_WINDOW)
    assert math.isnan(final_loss([]))


def test_the_summary_says_what_a_person_asks():
    text = "\n".join(summary({"vertex.a": 3.0, "vertex.b": 4.0}).lines())
    for words in (
        "500 steps in 61.5 s, 520 images/s",
        "0.01230",
        "5.000 rad",
        "3.000 rad  vertex.a",
        "step_000500.png",
    ):
        assert words in text


def test_a_classical_network_has_no_circuit_to_move():
    assert "classical" in "\n".join(summary({}).lines())
