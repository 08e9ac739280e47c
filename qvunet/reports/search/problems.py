"""Denoising problems whose best answer is known, and made of products of cosines or of quantum states.

Each gives a network twelve noisy numbers and a noise level, and asks for twelve numbers. What the best of all
functions answers is computed exactly, so a loss can be read as a share of what there is to gain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import eigsh
from torch import Tensor

NUM_SITES = 12
"""As many as a circuit of HQConv has qubits."""


class Problem(Protocol):
    """Clean data, noise, and the best answer."""

    @property
    def periodic(self) -> bool:
        """Whether the noisy numbers are angles, so that a network must have their period."""

    @property
    def levels(self) -> tuple[float, float]:
        """The smallest and the largest standard deviation of the noise."""

    def draw(self, size: int, generator: torch.Generator) -> Tensor:
        """(size, 12) clean data."""

    def corrupt(self, clean: Tensor, sigma: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """What a network reads and what it is to answer, both (B, 12), for noise of (B, 1) levels."""

    def best(self, inputs: Tensor, sigma: Tensor) -> Tensor:
        """(B, 12) mean of the answers, given what a network reads and one level of noise, a number."""


@dataclass(frozen=True)
class Rotors:
    """Angles of a chain of rotors, with noise that wraps around (Jing et al. 2022, arXiv:2206.01729).

    Their density is ``exp(coupling * sum_i cos(x_{i+1} - x_i))``, whose derivative is made of products of
    cosines and sines of neighbours: what two qubits that are encoded by rotations and read together give. The
    answer is sigma times the derivative of the logarithm of the noise's density, the wrapped normal one.

    Attributes:
        coupling: of neighbours.
        grid: points of the circle on which the best answer is computed.
    """

    coupling: float = 3.0
    grid: int = 256

    periodic = True
    levels = (0.15, 1.5)

    def draw(self, size: int, generator: torch.Generator) -> Tensor:
        """(size, 12) radians in [-pi, pi): the first is uniform, differences follow von Mises."""
        uniform = torch.rand(size, NUM_SITES, generator=generator, dtype=torch.float64)
        steps = torch.from_numpy(np.interp(uniform[:, 1:].numpy(), *self._quantiles()))
        first = 2 * math.pi * uniform[:, :1]
        return wrap(torch.cat([first, first + steps.cumsum(1)], dim=1)).float()

    def _quantiles(self) -> tuple[np.ndarray, np.ndarray]:
        """Distribution function of a difference, and where it has these values."""
        angles = np.linspace(-math.pi, math.pi, 4097)
        density = np.exp(self.coupling * (np.cos(angles) - 1))
        mass = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
        return mass / mass[-1], angles

    def corrupt(self, clean: Tensor, sigma: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Noisy angles in [-pi, pi), and sigma times the noise's score."""
        noisy = wrap(clean + sigma * torch.randn(clean.shape, generator=generator))
        return noisy, _scaled_score(wrap(noisy - clean), sigma)

    def best(self, inputs: Tensor, sigma: Tensor) -> Tensor:
        """By passing messages along the chain, on a grid of angles."""
        angles = wrap(torch.arange(self.grid, dtype=torch.float64) * 2 * math.pi / self.grid)
        transition = (self.coupling * (angles.unsqueeze(1) - angles).cos()).exp()
        offsets = wrap(inputs.double().unsqueeze(-1) - angles)
        seen = _wrapped_normal(offsets, sigma.double())
        left, right = torch.ones_like(seen), torch.ones_like(seen)
        for i in range(1, NUM_SITES):
            left[:, i] = _normalised((left[:, i - 1] * seen[:, i - 1]) @ transition)
            right[:, -i - 1] = _normalised((right[:, -i] * seen[:, -i]) @ transition)
        posterior = left * right * seen
        answers = _scaled_score(offsets, sigma.double())
        return ((posterior * answers).sum(-1) / posterior.sum(-1)).to(inputs)


@dataclass(frozen=True)
class IsingSpins:
    """Spins of a transverse-field Ising chain, measured in its ground state, with normal noise.

    ``H = -sum_i Z_i Z_{i+1} - field * sum_i X_i`` with open ends; field 1 is critical. All spins are measured
    along z, each +1 or -1. Noise and preconditioning are those of Karras et al. 2022 (arXiv:2206.00364): the
    answer is what the network, and not the skip, has to give.

    Attributes:
        field: of the transverse direction, in units of the coupling.
    """

    field: float = 1.0

    periodic = False
    levels = (0.4, 2.5)

    def draw(self, size: int, generator: torch.Generator) -> Tensor:
        """(size, 12), each 1 or -1."""
        states, probabilities = ground_state(self.field)
        found = torch.multinomial(probabilities, size, replacement=True, generator=generator)
        return states[found].float()

    def corrupt(self, clean: Tensor, sigma: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Noisy spins with variance one, and the network's part of the clean ones."""
        noisy = clean + sigma * torch.randn(clean.shape, generator=generator)
        return noisy / _scale(sigma), _network_part(clean, noisy, sigma)

    def best(self, inputs: Tensor, sigma: Tensor) -> Tensor:
        """By the probabilities of all 4,096 states."""
        states, probabilities = ground_state(self.field)
        noisy = inputs.double() * _scale(sigma)
        logits = noisy @ states.T / sigma**2 + probabilities.log()
        return _network_part(logits.softmax(1) @ states, noisy, sigma).to(inputs)


PROBLEMS: dict[str, Problem] = {"rotors": Rotors(), "ising": IsingSpins()}
"""By the name on the command line."""


def wrap(angles: Tensor) -> Tensor:
    """The same angles in [-pi, pi)."""
    return torch.remainder(angles + math.pi, 2 * math.pi) - math.pi


@lru_cache
def ground_state(field: float) -> tuple[Tensor, Tensor]:
    """Spins (4096, 12) of all states, and their probabilities (4096,)."""
    size = 2**NUM_SITES
    numbers = np.arange(size)
    spins = 1 - 2 * ((numbers[:, None] >> np.arange(NUM_SITES)) & 1)
    flipped = numbers[:, None] ^ (1 << np.arange(NUM_SITES))
    rows = np.repeat(numbers, NUM_SITES)
    hamiltonian = csr_matrix((np.full(flipped.size, -field), (rows, flipped.ravel())), shape=(size, size))
    hamiltonian.setdiag(-(spins[:, 1:] * spins[:, :-1]).sum(1))
    _, vectors = eigsh(hamiltonian, k=1, which="SA", v0=np.ones(size))
    return torch.from_numpy(spins).double(), torch.from_numpy(vectors[:, 0] ** 2)


def _wrapped_normal(offsets: Tensor, sigma: Tensor) -> Tensor:
    """Density, but for a factor."""
    return (-((offsets.unsqueeze(-1) + _turns(offsets)) ** 2) / (2 * sigma.unsqueeze(-1) ** 2)).exp().sum(-1)


def _scaled_score(offsets: Tensor, sigma: Tensor) -> Tensor:
    """sigma times the derivative of the logarithm of the wrapped normal density, for offsets in [-pi, pi)."""
    unwrapped = offsets.unsqueeze(-1) + _turns(offsets)
    shares = (-(unwrapped**2) / (2 * sigma.unsqueeze(-1) ** 2)).softmax(-1)
    return -(shares * unwrapped).sum(-1) / sigma


def _turns(like: Tensor) -> Tensor:
    """Whole turns that a normal distribution of up to 1.5 rad can have taken."""
    return 2 * math.pi * torch.arange(-2, 3).to(like)


def _normalised(messages: Tensor) -> Tensor:
    return messages / messages.sum(-1, keepdim=True)


def _scale(sigma: Tensor) -> Tensor:
    """Standard deviation of noisy spins."""
    return (sigma**2 + 1).sqrt()


def _network_part(clean: Tensor, noisy: Tensor, sigma: Tensor) -> Tensor:
    """F of ``clean = noisy / (sigma^2 + 1) + sigma / sqrt(sigma^2 + 1) * F``."""
    return (clean - noisy / _scale(sigma) ** 2) * _scale(sigma) / sigma
