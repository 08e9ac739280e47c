from __future__ import annotations

import pytest
import torch

from qvunet.config.options import DiffusionSection
from qvunet.diffusion.objective import TimestepObjective
from qvunet.diffusion.process import make_noise_scheduler, p2_weights


@pytest.fixture
def objective() -> TimestepObjective:
    return TimestepObjective(DiffusionSection(num_train_timesteps=50))


class Predicts:
    """A network that predicts one value everywhere, and remembers what it was given."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, sample, timesteps, class_labels=None):
        self.seen = sample, timesteps, class_labels
        self.sample = torch.full_like(sample, self.value)
        return self


def test_a_loss_weighs_the_error_of_each_example(objective):
    noise = torch.stack([torch.full((1, 2, 2), 1.0), torch.full((1, 2, 2), 3.0)])
    levels = torch.tensor([3, 40])
    weights = p2_weights(make_noise_scheduler(DiffusionSection(num_train_timesteps=50)).alphas_cumprod, 1, 1)
    losses = objective.losses(Predicts(0.0), torch.zeros(2, 1, 2, 2), noise, levels)
    torch.testing.assert_close(losses, weights[levels] * torch.tensor([1.0, 9.0]))


def test_the_network_sees_noisy_examples_levels_and_classes(objective):
    clean, noise = torch.rand(3, 1, 2, 2), torch.randn(3, 1, 2, 2)
    levels, labels, network = torch.tensor([0, 10, 49]), torch.tensor([1, 2, 3]), Predicts(0.5)
    predicted = objective.predicted_noise(network, clean, noise, levels, labels)
    alphas = objective.scheduler.alphas_cumprod[levels].view(-1, 1, 1, 1)
    torch.testing.assert_close(network.seen[0], alphas.sqrt() * clean + (1 - alphas).sqrt() * noise)
    assert network.seen[1] is levels
    assert network.seen[2] is labels
    assert torch.equal(predicted, torch.full_like(clean, 0.5))


def test_levels_are_as_training_draws_them(objective):
    drawn = objective.draw_levels(20_000, torch.Generator().manual_seed(0))
    quantiles = torch.linspace(0.05, 0.95, 10)
    expected = torch.quantile(drawn.double(), quantiles.double())
    assert (objective.levels_at(quantiles) - expected).abs().max() <= 1
    assert objective.levels_at(torch.tensor([0.0, 0.999])).tolist() == [0, 49]
