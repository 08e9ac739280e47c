from __future__ import annotations

import pytest
import torch
from torch import nn

from qvunet.reports.search import trials
from qvunet.reports.search.problems import PROBLEMS
from qvunet.reports.search.trials import LEARNING_RATES, best_loss, held_out_loss, run_trial


class Best(nn.Module):
    """The best of all functions, as a network."""

    def __init__(self, problem):
        super().__init__()
        self.problem = problem

    def forward(self, inputs, sigma):
        return self.problem.best(inputs, sigma[0])


class Zeros(nn.Module):
    def forward(self, inputs, sigma):
        return torch.zeros_like(inputs)


def test_losses_lie_between_zeros_and_the_best():
    assert held_out_loss("ising", Zeros()) == pytest.approx(1)
    assert held_out_loss("ising", Best(PROBLEMS["ising"])) == pytest.approx(best_loss("ising"))


def test_trained_networks_learn_and_trials_repeat():
    first, second = (run_trial("ising", "cosine", 0, 40) for _ in range(2))
    assert first.loss < 0.9
    assert first.loss == second.loss
    assert first.learning_rate in LEARNING_RATES
    assert run_trial("ising", "cosine", 1, 40).loss != first.loss


def test_networks_of_a_seed_see_the_same_data(monkeypatch):
    seen: dict[str, list[torch.Tensor]] = {}

    def record(name):
        batch = trials._batch

        def recorded(*arguments):
            found = batch(*arguments)
            seen.setdefault(name, []).append(found[0])
            return found

        monkeypatch.setattr(trials, "_batch", recorded)
        run_trial("rotors", name, 3, 2)
        monkeypatch.setattr(trials, "_batch", batch)

    record("cosine")
    record("none")
    assert len(seen["cosine"]) == 2 * len(LEARNING_RATES)
    assert all(torch.equal(a, b) for a, b in zip(seen["cosine"], seen["none"], strict=True))
