from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from diffusers import DDIMScheduler
from torch import nn

from qvunet.config.options import DiffusionSection, SampleSection
from qvunet.diffusion.process import make_noise_scheduler, schedule_options
from qvunet.diffusion.sampling import MIN_LAMBDA, draw_samples, make_sampler, trailing_timesteps
from qvunet.tasks import make_task

SAMPLERS = ["ddpm", "ddim", "dpmpp"]


class GaussianDenoiser(nn.Module):
    """The exact noise predictor for images whose pixels are normal with a given mean and variance."""

    def __init__(self, diffusion: DiffusionSection, mean: float, std: float):
        super().__init__()
        self.mean, self.std = mean, std
        self.alphas_cumprod = nn.Parameter(make_noise_scheduler(diffusion).alphas_cumprod)

    def forward(self, x, t):
        a = self.alphas_cumprod[t].reshape(-1, 1, 1, 1)
        eps = (1 - a).sqrt() * (x - a.sqrt() * self.mean) / (a * self.std**2 + 1 - a)
        return SimpleNamespace(sample=eps)


@pytest.mark.parametrize("steps", [1, 2, 7, 29, 31, 61, 103, 250, 999, 1000])
def test_trailing_timesteps_are_distinct_and_in_range(steps):
    timesteps = trailing_timesteps(1000, steps)
    assert timesteps[0] == 999
    assert len(timesteps) == steps
    assert all(later < earlier for earlier, later in pairwise(timesteps))
    assert min(timesteps) >= 0


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 3, 61])
def test_samples_are_finite_and_in_range(sampler, schedule, steps):
    diffusion = DiffusionSection(schedule=schedule)
    model = GaussianDenoiser(diffusion, 0.1, 2.0)
    samples = draw_samples(model, (1, 4, 4), SampleSection(sampler=sampler, steps=steps, num=3), diffusion)
    assert samples.shape == (3, 1, 4, 4)
    assert samples.abs().max() <= 1  # also false for nan
    assert samples.unique().numel() > 3


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize(("sampler", "steps"), [("ddpm", 1000), ("ddim", 333), ("dpmpp", 103)])
def test_an_exact_denoiser_gives_the_distribution_of_the_data(sampler, steps, schedule):
    diffusion = DiffusionSection(schedule=schedule)
    model = GaussianDenoiser(diffusion, mean=0.3, std=0.2)
    samples = draw_samples(model, (1, 16, 16), SampleSection(sampler=sampler, steps=steps, num=16), diffusion)
    assert samples.mean().item() == pytest.approx(0.3, abs=0.02)
    assert samples.std().item() == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_image_does_not_depend_on_the_batch(sampler, tiny):
    # Convolutions round differently for other batch sizes, and the first steps divide by a tiny
    # alphas_cumprod. In float64 that rounding cannot hide a dependence on the batch.
    model = make_task(tiny).network().double().eval()
    sample = SampleSection(sampler=sampler, steps=4, num=5, batch_size=5, seed=3)
    together = draw_samples(model, (1, 16, 16), sample, tiny.diffusion)
    pairs = draw_samples(model, (1, 16, 16), sample.model_copy(update={"batch_size": 2}), tiny.diffusion)
    alone = draw_samples(model, (1, 16, 16), sample, tiny.diffusion, indices=[4])
    assert torch.allclose(together, pairs, atol=1e-6)
    assert torch.allclose(together[4:], alone, atol=1e-6)
    assert not torch.allclose(together[3], together[4], atol=1e-2)


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_ddim_is_diffusers_ddim_where_that_one_is_right(schedule):
    torch.manual_seed(0)
    diffusion = DiffusionSection(schedule=schedule)
    ours = make_sampler(SampleSection(sampler="ddim", steps=10), diffusion)
    theirs = DDIMScheduler(**schedule_options(diffusion))
    theirs.set_timesteps(10)
    assert ours.timesteps == theirs.timesteps.tolist()
    x = y = torch.randn(2, 1, 4, 4)
    for step, timestep in ours:
        eps = torch.randn(2, 1, 4, 4)
        x = ours.scheduler.step(eps, step, x).prev_sample
        y = theirs.step(eps, timestep, y).prev_sample
        assert torch.allclose(x, y, atol=1e-6)


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_dpmpp_begins_where_diffusers_would_clip(schedule):
    diffusion = DiffusionSection(schedule=schedule)
    sampler = make_sampler(SampleSection(sampler="dpmpp", steps=10), diffusion)
    clear = int((sampler.scheduler.lambda_t >= MIN_LAMBDA).sum())
    assert sampler.timesteps == trailing_timesteps(clear, 10)


def test_defaults_follow_the_sampler():
    lengths = [len(make_sampler(SampleSection(sampler=s), DiffusionSection()).timesteps) for s in SAMPLERS]
    assert lengths == [1000, 50, 20]


def test_progress_counts_images():
    diffusion = DiffusionSection()
    seen: list[float] = []
    sample = SampleSection(sampler="ddim", steps=2, num=3, batch_size=2)
    draw_samples(GaussianDenoiser(diffusion, 0, 1), (1, 4, 4), sample, diffusion, on_progress=seen.append)
    assert seen == [1, 2, 2.5, 3]


def test_training_goes_on_after_sampling(tiny):
    # Sampling runs in inference mode; nothing that a layer keeps from it may reach autograd.
    model = make_task(tiny).network()
    draw_samples(model, (1, 16, 16), tiny.sample, tiny.diffusion)
    model(torch.zeros(2, 1, 16, 16), torch.zeros(2, dtype=torch.long)).sample.sum().backward()
