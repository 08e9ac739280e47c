"""Random numbers as pure functions of a seed, a purpose and a counter.

Nothing keeps a generator's state between steps: the noise of training step `n` is drawn from a generator
made for step `n`. Resuming a run, or drawing image `k` in a batch of any size, therefore needs no saved
state and gives the same numbers.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch


class Stream(IntEnum):
    """What random numbers are for; streams of one seed are independent.

    The values are part of every result: never renumber them.
    """

    DATA_ORDER = 0
    NOISE = 1
    NOISE_LEVELS = 2
    SAMPLE = 3
    HOLDOUT = 4
    LABEL_DROPOUT = 5
    REFERENCE = 6
    CLASSIFIER = 7
    RESAMPLE = 8
    INFLUENCE = 9
    AUTOENCODER = 10
    DIAGNOSTICS = 11


def make_generator(seed: int, stream: Stream, counter: int = 0) -> torch.Generator:
    """Make a CPU generator for one use.

    Args:
        seed: non-negative seed of the run or of the sample.
        stream: purpose of the numbers.
        counter: training step, epoch or image number, non-negative.
    """
    state = np.random.SeedSequence([seed, stream, counter]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))
