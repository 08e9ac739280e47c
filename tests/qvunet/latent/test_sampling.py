from __future__ import annotations

import pytest
import torch

from qvunet.config.options import SampleSection
from qvunet.latent import sampling
from qvunet.latent.denoiser import LatentDenoiser
from qvunet.latent.objective import SigmaObjective
from qvunet.latent.sampling import SIGMA_MAX, draw_codes, noise_levels, num_evaluations


class Gaussian(LatentDenoiser):
    """The exact denoiser of codes from N(mean, std^2), which every sampler must lead back to."""

    MEAN, STD = 0.7, 0.5

    def forward(self, sample, timestep, class_labels=None, return_dict=True):
        variance = torch.as_tensor(timestep).reshape(-1, 1) ** 2
        total = variance + self.STD**2
        clean = (self.STD**2 * sample + variance * self.MEAN) / total
        return type("Output", (), {"sample": clean})()


@pytest.mark.parametrize(("sampler", "steps"), [("heun", 20), ("ddim", 200), ("ddpm", 400), ("dpmpp", 40)])
def test_samplers_draw_from_the_distribution(sampler, steps):
    options = SampleSection(sampler=sampler, steps=steps, num=400, batch_size=400)
    codes = torch.cat(list(draw_codes(Gaussian(ansatz="fqconv"), options, range(400))))
    error = Gaussian.STD / codes.numel() ** 0.5
    assert abs(codes.mean() - Gaussian.MEAN) < 4 * error + 0.01
    assert abs(codes.std() - Gaussian.STD) < 4 * error + 0.02


@pytest.mark.parametrize("sampler", ["heun", "ddim", "ddpm", "dpmpp"])
def test_a_code_does_not_depend_on_its_batch(sampler):
    net = LatentDenoiser(ansatz="fqconv").eval()
    options = SampleSection(sampler=sampler, steps=3, num=5, batch_size=5, seed=3)
    together = torch.cat(list(draw_codes(net, options, range(5))))
    apart = torch.cat(list(draw_codes(net, options.model_copy(update={"batch_size": 2}), [3, 1, 4])))
    torch.testing.assert_close(apart, together[[3, 1, 4]], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("sampler", ["heun", "ddim", "ddpm", "dpmpp"])
def test_evaluations_are_as_many_as_said(sampler):
    net = LatentDenoiser(ansatz="fqconv").eval()
    calls = []
    net.register_forward_hook(lambda *a: calls.append(1))
    options = SampleSection(sampler=sampler, steps=4, num=2)
    list(draw_codes(net, options, range(2)))
    assert len(calls) == num_evaluations(options)


def test_noise_levels_fall_to_nothing():
    levels = noise_levels(10)
    assert levels[0] == pytest.approx(SIGMA_MAX)
    assert levels[-1] == 0
    assert (levels.diff() < 0).all()
    assert noise_levels(1).tolist() == pytest.approx([SIGMA_MAX, 0])


def test_progress_ends_with_all():
    seen = []
    options = SampleSection(sampler="heun", steps=2, num=5, batch_size=2)
    list(draw_codes(LatentDenoiser(ansatz="fqconv").eval(), options, range(5), seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == 5
    assert set(sampling._SAMPLERS) == set(sampling.DEFAULT_STEPS)


def test_levels_are_log_normal():
    objective = SigmaObjective(-0.4, 1.2)
    drawn = objective.draw_levels(20_000, torch.Generator().manual_seed(0)).log()
    assert abs(drawn.mean() + 0.4) < 0.04
    assert abs(drawn.std() - 1.2) < 0.03
    quantiles = torch.tensor([0.1, 0.5, 0.9])
    expected = torch.quantile(drawn, quantiles)
    torch.testing.assert_close(objective.levels_at(quantiles).log(), expected, atol=0.05, rtol=0)


def test_the_loss_is_that_of_clean_codes():
    """Karras et al. 2022, equation 8: lambda(sigma) |D - x|^2 in the variables of predicted noise."""
    net, objective = LatentDenoiser(ansatz="fqconv"), SigmaObjective(-0.4, 1.0)
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(2, 4, 12, generator=generator)
    sigma = objective.draw_levels(4, generator)
    with torch.no_grad():
        losses = objective.losses(net, clean, noise, sigma)
        error = (net(clean + sigma[:, None] * noise, sigma).sample - clean).square().mean(dim=1)
    torch.testing.assert_close(losses, (sigma**2 + 1) / sigma**2 * error, rtol=1e-4, atol=1e-5)
