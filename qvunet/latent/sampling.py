"""From noise to codes: Heun's method, Euler's, an ancestral one, and DPM-Solver++ on diffusers' scheduler.

Code `k` of a seed has its own generator, so it does not depend on how many codes are drawn together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from backends.layer import start_step
from qvunet.config.options import SampleSection
from qvunet.diffusion.conditioning import Denoiser, make_denoiser
from qvunet.latent.denoiser import SIGMA_DATA, LatentDenoiser
from qvunet.tools.seeding import Stream, make_generator

SIGMA_MIN, SIGMA_MAX, RHO = 0.02, 20.0, 7.0
"""Noise levels of sampling: the first is beyond nearly all that training draws, the last below what can be
seen."""

DEFAULT_STEPS = {"heun": 20, "ddim": 50, "dpmpp": 20, "ddpm": 100}
"""Where the config gives none."""


def num_steps(sample: SampleSection) -> int:
    """Denoising steps of each code."""
    return sample.steps or DEFAULT_STEPS[sample.sampler]


def num_evaluations(sample: SampleSection) -> int:
    """Calls of the network for a batch: Heun's method takes two a step, but one for the last."""
    return 2 * num_steps(sample) - 1 if sample.sampler == "heun" else num_steps(sample)


def noise_levels(steps: int) -> Tensor:
    """(steps + 1,) sigmas from `SIGMA_MAX` down, the last 0 (Karras et al. 2022, equation 5)."""
    ramp = torch.linspace(0, 1, steps) if steps > 1 else torch.zeros(1)
    ends = SIGMA_MAX ** (1 / RHO), SIGMA_MIN ** (1 / RHO)
    return torch.cat([(ends[0] + ramp * (ends[1] - ends[0])) ** RHO, torch.zeros(1)])


@torch.inference_mode()
def draw_codes(
    model: LatentDenoiser,
    sample: SampleSection,
    indices: Sequence[int],
    on_progress: Callable[[float], None] = lambda done: None,
) -> Iterator[Tensor]:
    """Draw codes, a batch at a time.

    Args:
        model: the denoiser.
        sample: sampler, steps, seed, batch size, classes and guidance.
        indices: which codes of the seed to draw.
        on_progress: called after each step with the number of codes drawn so far, where one that is half
            denoised counts a half.

    Yields:
        (B, code_size) on the model's device.
    """
    weight = next(model.parameters())
    evaluations = num_evaluations(sample)
    for start in range(0, len(indices), sample.batch_size):
        numbers = indices[start : start + sample.batch_size]
        generators = [make_generator(sample.seed, Stream.SAMPLE, k) for k in numbers]
        denoise = _counted(model, make_denoiser(model, sample, numbers), numbers[0] * evaluations)

        def noise(generators: Sequence[torch.Generator] = generators) -> Tensor:
            return torch.stack([torch.randn(model.code_size, generator=g) for g in generators]).to(weight)

        walk = _SAMPLERS[sample.sampler](denoise, noise, num_steps(sample))
        codes = torch.empty(0)
        for done, codes in enumerate(walk, start=1):  # noqa: B007 - the last ones are the result
            on_progress(start + len(numbers) * done / num_steps(sample))
        yield codes


def _counted(model: LatentDenoiser, denoiser: Denoiser, first: int) -> Callable[[Tensor, Tensor], Tensor]:
    """The denoiser at one noise level for all; each call is a step of its own for what is random in
    circuits."""
    calls = 0

    def denoise(codes: Tensor, sigma: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        start_step(model, first + calls)
        return denoiser(codes, sigma.to(codes).expand(len(codes)))

    return denoise


_Denoise = Callable[[Tensor, Tensor], Tensor]
_Noise = Callable[[], Tensor]


def _heun(denoise: _Denoise, noise: _Noise, steps: int) -> Iterator[Tensor]:
    """Karras et al. 2022, algorithm 1."""
    sigmas = noise_levels(steps)
    x = sigmas[0] * noise()
    for sigma, following in pairwise(sigmas):
        slope = (x - denoise(x, sigma)) / sigma
        end = x + (following - sigma) * slope
        if following > 0:
            slope = (slope + (end - denoise(end, following)) / following) / 2
            end = x + (following - sigma) * slope
        x = end
        yield x


def _euler(denoise: _Denoise, noise: _Noise, steps: int) -> Iterator[Tensor]:
    """One evaluation a step; DDIM (Song et al. 2021, arXiv:2010.02502) in these variables."""
    sigmas = noise_levels(steps)
    x = sigmas[0] * noise()
    for sigma, following in pairwise(sigmas):
        x = x + (following - sigma) * (x - denoise(x, sigma)) / sigma
        yield x


def _ancestral(denoise: _Denoise, noise: _Noise, steps: int) -> Iterator[Tensor]:
    """With fresh noise at each step, as much as DDPM adds (Ho et al. 2020, equation 7, in these
    variables)."""
    sigmas = noise_levels(steps)
    x = sigmas[0] * noise()
    for sigma, following in pairwise(sigmas):
        kept = (following / sigma) ** 2
        fresh = following * (1 - kept).sqrt()
        x = kept * x + (1 - kept) * denoise(x, sigma) + fresh * noise()
        yield x


def _dpmpp(denoise: _Denoise, noise: _Noise, steps: int) -> Iterator[Tensor]:
    """DPM-Solver++, second order, one evaluation a step (Lu et al. 2022, arXiv:2211.01095)."""
    from diffusers import EDMDPMSolverMultistepScheduler  # here: few drawings need it

    scheduler = EDMDPMSolverMultistepScheduler(
        sigma_min=SIGMA_MIN, sigma_max=SIGMA_MAX, sigma_data=SIGMA_DATA, rho=RHO
    )
    scheduler.set_timesteps(steps)
    x = scheduler.sigmas[0] * noise()
    for timestep, sigma in zip(scheduler.timesteps, scheduler.sigmas[:-1], strict=True):
        variance = sigma**2 + SIGMA_DATA**2
        skip, out = SIGMA_DATA**2 / variance, sigma * SIGMA_DATA / variance.sqrt()
        network = (denoise(x, sigma) - skip * x) / out  # what the scheduler preconditions itself
        x = scheduler.step(network, timestep, x).prev_sample
        yield x


_SAMPLERS: dict[str, Callable[[_Denoise, _Noise, int], Iterator[Tensor]]] = {
    "heun": _heun,
    "ddim": _euler,
    "ddpm": _ancestral,
    "dpmpp": _dpmpp,
}
