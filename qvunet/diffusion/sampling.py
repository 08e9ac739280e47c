"""Drawing images: DDPM, DDIM and DPM-Solver++ on diffusers' schedulers, one seed an image.

Image `k` of a seed has its own generator, for its first noise and for that of every step, so it does not
depend on how many images are drawn together (but for the rounding of batched convolutions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from torch import Tensor, nn

from backends.layer import start_step
from qvunet.config.options import DiffusionSection, SampleSection
from qvunet.diffusion.conditioning import make_denoiser
from qvunet.diffusion.process import make_noise_scheduler, schedule_options
from qvunet.tools.seeding import Stream, make_generator

if TYPE_CHECKING:
    from diffusers import DPMSolverMultistepScheduler

DEFAULT_STEPS = {"ddim": 50, "dpmpp": 20}
"""Denoising steps where the config gives none; ddpm then takes every timestep."""

MIN_LAMBDA = -5.1
"""Smallest log signal-to-noise ratio at which DPM-Solver++ starts: the cosine schedule's last timesteps
are almost pure noise, and a second-order step through them is unstable (diffusers, `lambda_min_clipped`)."""


@dataclass(frozen=True)
class Sampler:
    """A scheduler for one batch and what the network is told at each of its steps.

    Attributes:
        scheduler: its timesteps set.
        timesteps: the network's timesteps, which the scheduler may number otherwise.
    """

    scheduler: DDPMScheduler | DDIMScheduler | DPMSolverMultistepScheduler
    timesteps: list[int]

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        """The scheduler's and the network's timestep of each step."""
        return zip(self.scheduler.timesteps, self.timesteps, strict=True)


def make_sampler(sample: SampleSection, diffusion: DiffusionSection) -> Sampler:
    """Make a sampler for one batch; x_0 is clipped to [-1, 1] at every step."""
    timesteps = sampling_timesteps(sample, diffusion)
    if sample.sampler == "ddim":
        return _ddim(diffusion, timesteps)
    if sample.sampler == "ddpm":
        scheduler = make_noise_scheduler(diffusion)
    else:
        from diffusers import DPMSolverMultistepScheduler  # here: it brings scipy.stats, for a second or two

        scheduler = DPMSolverMultistepScheduler(
            **schedule_options(diffusion), thresholding=True, sample_max_value=1.0
        )
    scheduler.set_timesteps(timesteps=timesteps)
    return Sampler(scheduler, timesteps)


def sampling_timesteps(sample: SampleSection, diffusion: DiffusionSection) -> list[int]:
    """What the network is told at each step of drawing an image."""
    last = diffusion.num_train_timesteps
    steps = sample.steps or DEFAULT_STEPS.get(sample.sampler, last)
    if sample.sampler == "dpmpp":
        signal = make_noise_scheduler(diffusion).alphas_cumprod
        last = max(1, int((torch.log(signal / (1 - signal)) / 2 >= MIN_LAMBDA).sum()))
    return trailing_timesteps(last, min(steps, last))


def _ddim(diffusion: DiffusionSection, timesteps: list[int]) -> Sampler:
    """DDIM between any timesteps.

    diffusers' DDIM goes from timestep t to ``t - T // K``, whatever its timesteps are, which is the wrong
    noise level unless K divides T. So it gets a process of K timesteps, the chosen ones.
    """
    steps = len(timesteps)
    scheduler = DDIMScheduler(num_train_timesteps=steps, timestep_spacing="trailing")
    scheduler.alphas_cumprod = make_noise_scheduler(diffusion).alphas_cumprod[timesteps[::-1]]
    scheduler.set_timesteps(steps)
    return Sampler(scheduler, timesteps)


def trailing_timesteps(last: int, steps: int) -> list[int]:
    """Evenly spaced timesteps from ``last - 1`` down, the last one included ("trailing" spacing).

    Lin et al. 2023 (arXiv:2305.08891), table 2. diffusers' own rounding yields an extra timestep -1 for some
    numbers of steps (61 of 1000, for one), so it is not used.

    Args:
        last: timesteps to choose from.
        steps: how many to choose, at most `last`.
    """
    return (np.rint(last - np.arange(steps) * (last / steps)).astype(int) - 1).tolist()


@torch.inference_mode()
def draw_samples(
    model: nn.Module,
    image_shape: tuple[int, int, int],
    sample: SampleSection,
    diffusion: DiffusionSection,
    indices: Sequence[int] | None = None,
    on_progress: Callable[[float], None] = lambda done: None,
) -> Tensor:
    """Draw images.

    Args:
        model: (B, C, H, W), (B,) -> ``.sample`` (B, C, H, W), the predicted noise; one with classes takes
            ``class_labels`` (B,) too.
        image_shape: (C, H, W).
        sample: sampler, steps, seed, number of images, batch size, classes and guidance.
        diffusion: the process the network was trained on.
        indices: which images of the seed to draw; by default the first ``sample.num``.
        on_progress: called after each denoising step with the number of images drawn so far, where one
            that is half denoised counts a half.

    Returns:
        (N, C, H, W) float32 in [-1, 1], on the CPU.
    """
    indices = range(sample.num) if indices is None else indices
    weight = next(model.parameters())
    batches = []
    for start in range(0, len(indices), sample.batch_size):
        numbers = indices[start : start + sample.batch_size]
        generators = [make_generator(sample.seed, Stream.SAMPLE, k) for k in numbers]
        denoiser = make_denoiser(model, sample, numbers)
        sampler = make_sampler(sample, diffusion)
        noise = torch.stack([torch.randn(image_shape, generator=generator) for generator in generators])
        x = noise.to(weight) * sampler.scheduler.init_noise_sigma
        for done, (step, timestep) in enumerate(sampler, start=1):
            start_step(model, numbers[0] * len(sampler.timesteps) + done)
            eps = denoiser(x, torch.full((len(x),), timestep, device=weight.device))
            x = sampler.scheduler.step(eps, step, x, generator=generators).prev_sample
            on_progress(start + len(x) * done / len(sampler.timesteps))
        batches.append(x.clamp(-1.0, 1.0).float().cpu())
    return torch.cat(batches)
