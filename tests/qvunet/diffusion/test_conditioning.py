from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from backends.errors import UserError
from qvunet.config import Config
from qvunet.config.options import SampleSection
from qvunet.data import ImageSet
from qvunet.diffusion.conditioning import TrainingLabels, make_denoiser, training_labels
from qvunet.diffusion.sampling import draw_samples
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task
from qvunet.training.trainer import train
from tests.qvunet.conftest import TINY

CONDITIONAL = {
    **TINY,
    "model": {"ansatz": None, "num_classes": 10},
    "train": {**TINY["train"], "label_dropout": 0.5, "keep_checkpoints": 9},
}


def labels_of(dropout: float, num: int = 4000) -> TrainingLabels:
    return TrainingLabels(torch.arange(num) % 10, num_classes=10, dropout=dropout, seed=1)


def test_labels_are_hidden_at_the_rate_asked_for_and_never_changed_otherwise():
    labels = labels_of(dropout=0.3)
    indices = torch.randperm(4000)
    shown = labels.batch(5, indices)
    hidden = shown == 10
    assert hidden.float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(shown[~hidden], labels.labels[indices][~hidden])
    assert shown.dtype == torch.int64


def test_which_labels_are_hidden_is_a_function_of_the_step():
    labels = labels_of(dropout=0.5)
    indices = torch.arange(100)
    assert torch.equal(labels.batch(1, indices), labels.batch(1, indices))
    assert not torch.equal(labels.batch(1, indices), labels.batch(2, indices))


def test_more_classes_than_the_network_has_are_refused():
    config = Config.model_validate({**CONDITIONAL, "model": {"ansatz": None, "num_classes": 4}})
    images = ImageSet(torch.zeros(3, 1, 16, 16, dtype=torch.uint8), torch.tensor([0, 4, 2]))
    with pytest.raises(UserError, match=r"data: digits has the classes 0 to 4, but model\.num_classes = 4"):
        training_labels(config, images)
    assert training_labels(Config.model_validate(TINY), images) is None


def test_classes_for_images_without_are_refused():
    images = ImageSet(torch.zeros(3, 1, 16, 16, dtype=torch.uint8), None)
    with pytest.raises(UserError, match=r"model\.num_classes: 10, but data: digits has no classes"):
        training_labels(Config.model_validate(CONDITIONAL), images)
    assert training_labels(Config.model_validate(TINY), images) is None


class Recorder(torch.nn.Module):
    """Predicts its label everywhere and remembers what it was asked; label 5 is no class."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.config = SimpleNamespace(num_classes=5)
        self.calls: list[list[int]] = []

    def forward(self, x, timesteps, class_labels):
        assert len(x) == len(timesteps) == len(class_labels)
        self.calls.append(class_labels.tolist())
        return SimpleNamespace(sample=class_labels.float().reshape(-1, 1, 1, 1).expand_as(x))


@pytest.mark.parametrize(
    ("classes", "expected"), [(None, [4, 0, 1]), ((3,), [3, 3, 3]), ((2, 0), [2, 0, 2])], ids=str
)
def test_an_image_s_class_follows_from_its_number(classes, expected):
    model = Recorder()
    denoiser = make_denoiser(model, SampleSection(classes=classes), indices=[4, 5, 6])
    eps = denoiser(torch.zeros(3, 1, 2, 2), torch.zeros(3))
    assert model.calls == [expected]
    assert eps[:, 0, 0, 0].tolist() == expected


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0])
def test_guidance_goes_from_no_class_through_the_class_and_beyond(scale):
    model = Recorder()
    denoiser = make_denoiser(model, SampleSection(guidance_scale=scale), indices=[1, 2])
    eps = denoiser(torch.zeros(2, 1, 2, 2), torch.zeros(2))
    assert model.calls == [[1, 2] if scale == 1 else [1, 2, 5, 5]]  # one evaluation either way
    assert eps[:, 0, 0, 0].tolist() == [5 + scale * (label - 5) for label in (1, 2)]


@pytest.mark.parametrize("guidance_scale", [1.0, 2.5])
def test_an_image_does_not_depend_on_the_batch(guidance_scale):
    config = Config.model_validate(CONDITIONAL)
    model = make_task(config).network().double().eval()
    sample = SampleSection(steps=2, num=4, guidance_scale=guidance_scale)
    together = draw_samples(model, config.image_shape, sample, config.diffusion)
    alone = draw_samples(model, config.image_shape, sample, config.diffusion, indices=[3])
    assert torch.allclose(together[3:], alone, atol=1e-6)


def test_the_class_changes_the_image():
    config = Config.model_validate(CONDITIONAL)
    model = make_task(config).network().eval()
    first, second = (
        draw_samples(
            model, config.image_shape, config.sample.model_copy(update={"classes": (k,)}), config.diffusion
        )
        for k in (0, 1)
    )
    assert not torch.allclose(first, second, atol=1e-3)


def change_train(config: Config, **update) -> Config:
    return config.model_copy(update={"train": config.train.model_copy(update=update)})


def test_a_conditional_run_resumes_exactly(tmp_path):
    whole, stopped = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "stopped")
    config = Config.model_validate(CONDITIONAL)
    train(config, whole)
    train(change_train(config, steps=2), stopped)
    train(config, stopped, resume=True)
    losses = [[line["loss"] for line in run.read_metrics()] for run in (whole, stopped)]
    assert losses[0] == losses[1]
    unhidden = RunDirectory(tmp_path / "unhidden")
    train(change_train(config, label_dropout=0.0, steps=2), unhidden)
    assert [line["loss"] for line in unhidden.read_metrics()] != losses[0][:2]
