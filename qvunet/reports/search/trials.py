"""One network trained on one problem, and its loss on data that were held out."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from qvunet.reports.search.networks import make_network
from qvunet.reports.search.problems import PROBLEMS, Problem
from qvunet.tools.seeding import Stream, make_generator

BATCH_SIZE = 256
LEARNING_RATES = (0.03, 0.1, 0.3)
"""Each the largest of a one-cycle schedule. Every network is trained at each, since none suits all: some stay
where spins are treated one by one, unless steps are large."""

NUM_LEVELS, HELD_OUT = 16, 1024
"""Noise levels of held-out data, spread evenly in their logarithm, and data at each."""

TEST_SEED, CHOICE_SEED = 2**32, 2**32 + 1
"""Of the data that losses are reported on, and of those that choose a learning rate; the same for all trials,
and above every seed of training."""


@dataclass(frozen=True)
class Trial:
    """What came of one training.

    Attributes:
        problem: a key of `PROBLEMS`.
        network: a key of `qvunet.reports.search.networks.NETWORKS`.
        seed: of parameters, data, noise and levels.
        steps: of training.
        learning_rate: of `LEARNING_RATES`, the one that did best.
        loss: on held-out data, 1 for a network that answers zeros.
        parameters: trained ones.
        seconds: of one training.
    """

    problem: str
    network: str
    seed: int
    steps: int
    learning_rate: float
    loss: float
    parameters: int
    seconds: float


def run_trial(problem: str, network: str, seed: int, steps: int) -> Trial:
    """Train at every learning rate, choose, and test.

    Args:
        problem: a key of `PROBLEMS`.
        network: a key of `qvunet.reports.search.networks.NETWORKS`.
        seed: two networks with the same see the same batches, noise and levels.
        steps: of 256 data.
    """
    task = PROBLEMS[problem]
    started = time.perf_counter()
    models = {rate: make_network(network, task.periodic, seed) for rate in LEARNING_RATES}
    for rate, model in models.items():
        _train(model, task, seed, steps, rate)
    seconds = (time.perf_counter() - started) / len(models)
    rate = min(models, key=lambda rate: held_out_loss(problem, models[rate], CHOICE_SEED))
    model = models[rate]
    parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return Trial(problem, network, seed, steps, rate, held_out_loss(problem, model), parameters, seconds)


def _train(model: torch.nn.Module, task: Problem, seed: int, steps: int, rate: float) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for step in range(steps):
        inputs, sigma, answers = _batch(task, seed, step)
        loss = (model(inputs, sigma) - answers).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def held_out_loss(problem: str, model: torch.nn.Module, seed: int = TEST_SEED) -> float:
    """Mean squared error over all levels, in units of that of zeros."""
    with torch.no_grad():
        return _relative(
            (model(inputs, sigma), answers) for inputs, sigma, answers in _held_out(problem, seed)
        )


def best_loss(problem: str) -> float:
    """The same of the best of all functions: no network can do better but by luck."""
    task, batches = PROBLEMS[problem], _held_out(problem, TEST_SEED)
    return _relative((task.best(inputs, sigma[0]), answers) for inputs, sigma, answers in batches)


def _relative(pairs: Iterable[tuple[Tensor, Tensor]]) -> float:
    error = scale = 0.0
    for found, answers in pairs:
        error += float((found - answers).square().sum())
        scale += float(answers.square().sum())
    return error / scale


def _batch(task: Problem, seed: int, step: int) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, levels evenly drawn in their logarithm, answers."""
    low, high = task.levels
    draws = torch.rand(BATCH_SIZE, 1, generator=make_generator(seed, Stream.NOISE_LEVELS, step))
    sigma = low * (high / low) ** draws
    clean = task.draw(BATCH_SIZE, make_generator(seed, Stream.DATA_ORDER, step))
    inputs, answers = task.corrupt(clean, sigma, make_generator(seed, Stream.NOISE, step))
    return inputs, sigma, answers


@lru_cache
def _held_out(problem: str, seed: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Inputs, levels and answers, a batch for each level."""
    task = PROBLEMS[problem]
    low, high = map(math.log, task.levels)
    batches = []
    for number, level in enumerate(torch.linspace(low, high, NUM_LEVELS).exp()):
        sigma = level.expand(HELD_OUT, 1)
        clean = task.draw(HELD_OUT, make_generator(seed, Stream.HOLDOUT, number))
        inputs, answers = task.corrupt(clean, sigma, make_generator(seed, Stream.NOISE, number))
        batches.append((inputs, sigma, answers))
    return batches
