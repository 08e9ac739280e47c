"""Where random numbers come from: fresh in every call, and the same again in a run that is repeated."""

from __future__ import annotations

import numpy as np


class NoiseStream:
    """One generator for each call, determined by seed, step and the call's number within the step.

    A generator that is seeded once would draw the same noise for both shifts of a derivative, which then
    cancels and looks like no noise at all; one that just goes on could not be resumed.

    Args:
        seed: of the whole run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.start_step(0)

    def start_step(self, step: int) -> None:
        """Begin a step; its noise does not depend on what was drawn before."""
        self._step, self._calls = step, 0

    def generator(self) -> np.random.Generator:
        """The generator of the next call; rows take their numbers from it one after another."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=(self._step, self._calls))
        self._calls += 1
        return np.random.default_rng(sequence)
