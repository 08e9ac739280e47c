from __future__ import annotations

import pytest
import torch

from qvunet.influence.ablations import Ablation, ablated
from qvunet.influence.change import relative_change
from qvunet.influence.result import Finding
from tests.qvunet.influence.toys import Toy, probe


def finding(model, ablation):
    looked = probe()
    before = looked.predict(model)
    with ablated(model, ablation, {}):
        after = looked.predict(model)
    return Finding.of(ablation, before, after, looked.edges)


def test_circuits_that_are_wired_to_nothing_change_nothing():
    found = finding(Toy(gain=0.0), Ablation("zero"))
    assert (found.change.value, found.change.low, found.change.high, found.noise_change) == (0, 0, 0, 0)


def test_circuits_that_are_the_only_path_are_told_what_they_are():
    """Without them nothing is predicted, and the loss is that of predicting zero."""
    model, looked = Toy(gain=1.0, linear=0.0), probe()
    found = finding(model, Ablation("zero"))
    weights = looked.objective.weights(looked.levels)
    nothing = weights * looked.noise.square().flatten(2).mean(2)
    noisy = torch.stack(
        [
            looked.objective.scheduler.add_noise(looked.clean, noise, levels)
            for noise, levels in zip(looked.noise, looked.levels, strict=True)
        ]
    )
    with torch.no_grad():
        predicted = model.core(noisy.flatten(0, 1).flatten(1).unsqueeze(1)).view_as(looked.noise)
    losses = weights * (predicted - looked.noise).square().flatten(2).mean(2)
    expected = relative_change(losses.mean(0), nothing.mean(0))
    assert found.change.value == pytest.approx(expected.value, rel=1e-5)
    assert found.change.low == pytest.approx(expected.low, rel=1e-4)
    assert found.noise_change == pytest.approx(1.0)
    for band, before, after in zip(found.bands, losses, nothing, strict=True):
        assert band.change.value == pytest.approx(relative_change(before, after).value, rel=1e-4)
    assert [(band.start, band.stop) for band in found.bands] == [(0, 25), (25, 50), (50, 75), (75, 100)]


def test_the_same_examples_every_time():
    model, looked = Toy(gain=1.0), probe()
    seen = []
    assert torch.equal(looked.predict(model, seen.append).noise, looked.predict(model).noise)
    assert seen == list(range(1, looked.num_batches + 1))


def test_findings_are_stored_and_read_back():
    found = finding(Toy(gain=1.0), Ablation("zero"))
    assert Finding.from_dict(found.as_dict()) == found
