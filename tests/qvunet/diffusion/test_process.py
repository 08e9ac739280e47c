from __future__ import annotations

import math

import pytest
import torch

from qvunet.config.options import DiffusionSection
from qvunet.diffusion.process import make_noise_scheduler, p2_weights


def test_the_cosine_schedule_is_that_of_nichol_and_dhariwal():
    ours = make_noise_scheduler(DiffusionSection(schedule="cosine")).alphas_cumprod

    def f(t: float) -> float:
        return math.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2

    for t in (0, 100, 500, 900):
        assert ours[t] == pytest.approx(f(t + 1) / f(0), rel=1e-4)


def test_the_linear_schedule_is_that_of_ho_et_al():
    ours = make_noise_scheduler(DiffusionSection(schedule="linear")).alphas_cumprod
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    assert torch.allclose(ours.double(), (1 - betas).cumprod(0), rtol=1e-4)


def test_p2_weights_match_choi_et_al():
    alphas_cumprod = torch.tensor([0.9, 0.5, 0.1])  # signal-to-noise ratios 9, 1, 1/9
    assert torch.allclose(p2_weights(alphas_cumprod, gamma=1, k=1), torch.tensor([0.1, 0.5, 0.9]))
    assert torch.allclose(p2_weights(alphas_cumprod, gamma=2, k=3), torch.tensor([12.0, 4.0, 28 / 9]) ** -2)
    assert p2_weights(alphas_cumprod, gamma=0, k=1).tolist() == [1, 1, 1]


def test_gamma_and_k_of_one_weigh_a_timestep_by_its_noise():
    alphas_cumprod = make_noise_scheduler(DiffusionSection()).alphas_cumprod
    assert torch.allclose(p2_weights(alphas_cumprod, 1, 1), 1 - alphas_cumprod, atol=1e-6)
