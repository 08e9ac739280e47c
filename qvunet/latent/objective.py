"""What a denoiser of codes is trained to do (Karras et al. 2022, equations 5 and 8)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qvunet.diffusion.objective import Objective
from qvunet.latent.denoiser import SIGMA_DATA

SMALLEST_TAIL = 1e-3
"""Quantiles of noise levels are cut here on both sides: a normal distribution has no ends."""


class SigmaObjective(Objective):
    """Noise of standard deviation sigma, with log(sigma) normal.

    Args:
        mean: of log(sigma).
        std: of log(sigma).
    """

    def __init__(self, mean: float, std: float) -> None:
        self.mean, self.std = mean, std

    def draw_levels(self, size: int, generator: torch.Generator) -> Tensor:
        """(size,) sigmas."""
        return (self.mean + self.std * torch.randn(size, generator=generator)).exp()

    def levels_at(self, quantiles: Tensor) -> Tensor:
        """Sigmas."""
        inside = quantiles.clamp(SMALLEST_TAIL, 1 - SMALLEST_TAIL)
        return (self.mean + self.std * torch.special.ndtri(inside)).exp()

    def predicted_noise(
        self, model: nn.Module, clean: Tensor, noise: Tensor, levels: Tensor, labels: Tensor | None = None
    ) -> Tensor:
        """(B, d); the network predicts clean codes, and the noise is what is left over sigma."""
        sigma = levels.unsqueeze(1)
        noisy = clean + sigma * noise
        return (noisy - model(noisy, levels, class_labels=labels).sample) / sigma

    def weights(self, levels: Tensor) -> Tensor:
        """Such that the untrained network's loss is the same at every level, about 1."""
        return (levels.square() + SIGMA_DATA**2) / SIGMA_DATA**2
