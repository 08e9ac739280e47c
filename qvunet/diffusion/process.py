"""The forward process and the training objective, on diffusers' scheduler.

Ho et al. 2020 (arXiv:2006.11239): the network predicts the noise eps in
``x_t = sqrt(alphas_cumprod[t]) x_0 + sqrt(1 - alphas_cumprod[t]) eps`` (equation 4).
Choi et al. 2022 (arXiv:2204.00227), P2 weighting: timestep t counts ``(k + SNR(t)) ** -gamma``.
"""

from __future__ import annotations

from typing import Any

from diffusers import DDPMScheduler
from torch import Tensor

from qvunet.config.options import DiffusionSection

BETA_SCHEDULES = {"cosine": "squaredcos_cap_v2", "linear": "linear"}
"""Our names and diffusers'."""

LINEAR_BETAS = (1e-4, 0.02)
"""First and last beta of the linear schedule (Ho et al., section 4)."""


def schedule_options(diffusion: DiffusionSection) -> dict[str, Any]:
    """What every diffusers scheduler, of training or sampling, is told of the forward process."""
    return {
        "num_train_timesteps": diffusion.num_train_timesteps,
        "beta_schedule": BETA_SCHEDULES[diffusion.schedule],
        "beta_start": LINEAR_BETAS[0],
        "beta_end": LINEAR_BETAS[1],
        "prediction_type": "epsilon",
        "timestep_spacing": "trailing",
    }


def make_noise_scheduler(diffusion: DiffusionSection) -> DDPMScheduler:
    """The scheduler of training, which adds noise, and of DDPM sampling."""
    return DDPMScheduler(**schedule_options(diffusion))


def p2_weights(alphas_cumprod: Tensor, gamma: float, k: float) -> Tensor:
    """P2 loss weights (Choi et al. 2022, equation 8) for a network that predicts the noise.

    Args:
        alphas_cumprod: (T,), in (0, 1).
        gamma: exponent; 0 gives Ho et al.'s simple loss.
        k: keeps the weight finite where the signal-to-noise ratio vanishes.

    Returns:
        (T,), in the order of the timesteps.
    """
    snr = alphas_cumprod / (1.0 - alphas_cumprod)
    return (k + snr) ** -gamma
