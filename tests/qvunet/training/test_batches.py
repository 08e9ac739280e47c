from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from qvunet.config.options import DiffusionSection
from qvunet.diffusion.conditioning import TrainingLabels
from qvunet.diffusion.objective import TimestepObjective
from qvunet.training.batches import BatchSource


@pytest.fixture
def source() -> BatchSource:
    images = torch.arange(10, dtype=torch.uint8).reshape(10, 1, 1, 1).expand(10, 1, 2, 2)
    return BatchSource(
        images,
        4,
        TimestepObjective(DiffusionSection()),
        seed=3,
        process=0,
        num_processes=1,
        device=torch.device("cpu"),
    )


def test_each_epoch_sees_every_image_once_in_a_new_order(source):
    order = torch.cat([source.indices(step) for step in range(5)])  # 20 images are two epochs
    first, second = order[:10], order[10:]
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(10))
    assert not torch.equal(first, second)


def test_a_batch_is_a_function_of_seed_and_step(source):
    for field in ("clean", "noise", "levels"):
        again = getattr(source.batch(7), field)
        assert torch.equal(getattr(source.batch(7), field), again)
        assert not torch.equal(getattr(source.batch(8), field), again)
        assert not torch.equal(getattr(replace(source, seed=4).batch(7), field), again)


def test_processes_share_the_batch_of_one(source):
    source = replace(source, labels=TrainingLabels(torch.arange(10), num_classes=10, dropout=0.5, seed=3))
    whole = source.batch(2)
    parts = [replace(source, process=i, num_processes=2).batch(2) for i in range(2)]
    for field in ("clean", "noise", "levels", "labels"):
        assert torch.equal(torch.cat([getattr(part, field) for part in parts]), getattr(whole, field))


def test_noise_is_standard_and_timesteps_cover_the_range(source):
    batches = [replace(source, batch_size=1000).batch(step) for step in range(3)]
    noise = torch.cat([batch.noise for batch in batches])
    assert noise.mean().item() == pytest.approx(0, abs=0.05)
    assert noise.std().item() == pytest.approx(1, abs=0.05)
    timesteps = torch.cat([batch.levels for batch in batches])
    assert timesteps.min() < 10
    assert 990 < timesteps.max() < 1000


def test_each_image_brings_its_own_label(source):
    assert source.batch(0).labels is None
    labelled = replace(source, labels=TrainingLabels(torch.arange(10), num_classes=10, dropout=0.0, seed=3))
    for step in range(3):
        assert labelled.batch(step).labels.tolist() == source.indices(step).tolist()
