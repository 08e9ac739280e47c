"""Random parameters."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from backends.circuits.program import Ansatz
from qvunet.tools.seeding import Stream, make_generator


def random_parameters(ansatz: Ansatz, samples: int, seed: int, counter: int = 0) -> tuple[Tensor, Tensor]:
    """Inputs (samples, num_inputs) and weights (samples, num_weights), uniform in [0, 2 pi), float64.

    Args:
        ansatz: whose parameters.
        samples: sets.
        seed: of the diagnostics.
        counter: for another draw with the same seed.
    """
    generator = make_generator(seed, Stream.DIAGNOSTICS, counter)
    inputs, weights = (
        2 * math.pi * torch.rand(samples, len(vector), generator=generator, dtype=torch.float64)
        for vector in (ansatz.inputs, ansatz.weights)
    )
    return inputs, weights
