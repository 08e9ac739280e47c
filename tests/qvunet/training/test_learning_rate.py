from __future__ import annotations

import pytest
import torch

from qvunet.config.options import TrainSection
from qvunet.training.learning_rate import learning_rate


def test_constant():
    assert {learning_rate(TrainSection(steps=10), step) for step in range(10)} == {1e-3}


@pytest.mark.parametrize("steps", [1, 2, 10, 1000])
def test_one_cycle_is_torchs_with_another_end(steps):
    """`OneCycleLR` counts the steps of its two phases less one; else it is the same."""
    options = TrainSection(steps=steps, learning_rate=0.3, lr_schedule="one_cycle")
    rates = [learning_rate(options, step) for step in range(steps)]
    assert rates[0] == pytest.approx(0.3 / 25 if steps > 1 else rates[0])
    assert max(rates) <= 0.3
    if steps == 1000:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.3, total_steps=steps)
        theirs = []
        for _ in range(steps):
            theirs.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        assert max(abs(a - b) for a, b in zip(rates, theirs, strict=True)) < 0.003
