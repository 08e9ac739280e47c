"""What a denoiser is trained to do, the same for images and for codes: predict the noise at any noise level.

Every example has a level (a timestep of DDPM's chain, or a standard deviation sigma), at which it is mixed
with noise. The loss of an example is ``weight(level) * mean((predicted noise - noise)^2)``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from qvunet.config.options import DiffusionSection
from qvunet.diffusion.process import make_noise_scheduler, p2_weights


class Objective(ABC):
    """Noise levels, the noise that a network predicts, and what an error counts."""

    @abstractmethod
    def draw_levels(self, size: int, generator: torch.Generator) -> Tensor:
        """(size,) levels as training draws them."""

    @abstractmethod
    def levels_at(self, quantiles: Tensor) -> Tensor:
        """The levels below which training draws these fractions, in [0, 1); more is noisier."""

    @abstractmethod
    def predicted_noise(
        self, model: nn.Module, clean: Tensor, noise: Tensor, levels: Tensor, labels: Tensor | None = None
    ) -> Tensor:
        """What a network takes for the noise in examples.

        Args:
            model: the denoiser.
            clean: (B, ...) examples.
            noise: of the same shape, standard normal.
            levels: (B,).
            labels: (B,) classes, for a network with classes.
        """

    @abstractmethod
    def weights(self, levels: Tensor) -> Tensor:
        """(B,) what an error of the predicted noise counts."""

    def losses(
        self, model: nn.Module, clean: Tensor, noise: Tensor, levels: Tensor, labels: Tensor | None = None
    ) -> Tensor:
        """(B,) loss of each example, float32; arguments as for `predicted_noise`."""
        return self.losses_of(self.predicted_noise(model, clean, noise, levels, labels), noise, levels)

    def losses_of(self, predicted: Tensor, noise: Tensor, levels: Tensor) -> Tensor:
        """(B,) loss of each example, float32, of noise that was predicted."""
        errors = (predicted.float() - noise.float()).square().flatten(1).mean(dim=1)
        return self.weights(levels) * errors


class TimestepObjective(Objective):
    """DDPM's (Ho et al. 2020, arXiv:2006.11239) with P2 weights (Choi et al. 2022, arXiv:2204.00227).

    Args:
        diffusion: schedule, number of timesteps, weights.
    """

    def __init__(self, diffusion: DiffusionSection) -> None:
        self.num_timesteps = diffusion.num_train_timesteps
        self.scheduler: Any = make_noise_scheduler(diffusion)
        self._weights = p2_weights(self.scheduler.alphas_cumprod, diffusion.p2_gamma, diffusion.p2_k)

    def draw_levels(self, size: int, generator: torch.Generator) -> Tensor:
        """Timesteps, (size,) int64 in [0, T), each as likely."""
        return torch.randint(self.num_timesteps, (size,), generator=generator)

    def levels_at(self, quantiles: Tensor) -> Tensor:
        """Timesteps."""
        return (quantiles * self.num_timesteps).long()

    def predicted_noise(
        self, model: nn.Module, clean: Tensor, noise: Tensor, levels: Tensor, labels: Tensor | None = None
    ) -> Tensor:
        """(B, C, H, W); see `Objective.predicted_noise`."""
        noisy = self.scheduler.add_noise(clean, noise, levels)
        predicted: Tensor = model(noisy, levels, class_labels=labels).sample
        return predicted

    def weights(self, levels: Tensor) -> Tensor:
        """P2 weights of timesteps."""
        return self._weights.to(levels.device)[levels]
