from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from qiskit.quantum_info import SparsePauliOp
from scipy.special import i0, i1

from qvunet.reports.search.problems import NUM_SITES, PROBLEMS, IsingSpins, Rotors, ground_state, wrap


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_differences_of_rotors_follow_von_mises():
    """<cos> is I1(k) / I0(k), within five standard errors; neighbours' differences are independent."""
    angles = Rotors(coupling=2.0).draw(20_000, generator())
    cosines = torch.diff(angles, dim=1).cos()
    error = float(cosines.std()) / math.sqrt(cosines.numel())
    assert float(cosines.mean()) == pytest.approx(i1(2.0) / i0(2.0), abs=5 * error)
    assert float((angles[:, 2] - angles[:, 0]).cos().mean()) == pytest.approx(
        (i1(2.0) / i0(2.0)) ** 2, abs=5 / math.sqrt(20_000)
    )
    assert float(angles.abs().max()) <= math.pi


@pytest.mark.parametrize("field", [0.5, 1.0])
def test_the_ground_state_is_that_of_the_hamiltonian(field):
    """Its energy along z is right, and the chain is symmetric under reflection and a flip of all spins."""
    terms = [("ZZ", [i, i + 1], -1.0) for i in range(NUM_SITES - 1)]
    terms += [("X", [i], -field) for i in range(NUM_SITES)]
    hamiltonian = SparsePauliOp.from_sparse_list(terms, NUM_SITES).to_matrix(sparse=True).real
    spins, probabilities = ground_state(field)
    state = probabilities.sqrt().numpy()  # of positive amplitudes, by Perron and Frobenius
    energy = state @ hamiltonian @ state
    np.testing.assert_allclose(hamiltonian @ state, energy * state, atol=1e-7)
    assert float(probabilities.sum()) == pytest.approx(1)
    assert torch.allclose(probabilities, probabilities.flip(0))
    assert torch.allclose(
        probabilities @ spins[:, 0].mul(spins[:, 1]), probabilities @ spins[:, -1].mul(spins[:, -2])
    )


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
@pytest.mark.parametrize("sigma", [0.5, 1.3])
def test_the_best_answer_is_the_mean_of_the_answers(problem, sigma):
    """The error of the best answer is orthogonal to every function of what a network reads."""
    clean = problem.draw(4000, generator(1))
    inputs, answers = problem.corrupt(clean, torch.full((4000, 1), sigma), generator(2))
    best = problem.best(inputs, torch.tensor([sigma]))
    error = answers - best
    for function in (
        torch.ones_like,
        torch.sin,
        torch.cos,
        lambda x: x.roll(1, 1).sin() * x.cos(),
        lambda x: best,
    ):
        products = error * function(inputs)
        margin = 5 * float(products.mean(1).std()) / math.sqrt(len(products))
        assert abs(float(products.mean())) < margin
    assert float(error.square().mean()) < 0.97 * float(answers.square().mean())


def test_the_best_answer_for_one_rotor_is_that_of_a_sum():
    """With no coupling nothing can be known of an angle, so the best answer is zero."""
    angles = torch.linspace(-3, 3, NUM_SITES).unsqueeze(0)
    assert float(Rotors(coupling=0.0).best(angles, torch.tensor([0.4])).abs().max()) < 1e-6


def test_the_best_answer_at_hardly_any_noise_is_the_spins():
    problem = IsingSpins()
    clean = problem.draw(50, generator())
    sigma = torch.tensor([0.05])
    inputs, answers = problem.corrupt(clean, sigma.expand(50, 1), generator(3))
    torch.testing.assert_close(problem.best(inputs, sigma), answers, atol=1e-4, rtol=1e-4)


def test_answers_of_rotors_are_scores():
    """sigma times the derivative of the logarithm of the wrapped normal density, by a sum over many turns."""
    clean, sigma = torch.zeros(1, NUM_SITES), torch.full((1, 1), 1.5)
    inputs, answers = Rotors().corrupt(clean, sigma, generator(4))
    offsets = inputs.double().requires_grad_()
    turns = 2 * math.pi * torch.arange(-20, 21)
    density = (-((offsets.unsqueeze(-1) + turns) ** 2) / (2 * 1.5**2)).exp().sum(-1).log().sum()
    (score,) = torch.autograd.grad(density, offsets)
    torch.testing.assert_close(answers.double(), 1.5 * score, atol=1e-4, rtol=1e-4)


def test_wrapped_angles_are_the_same_angles():
    angles = torch.linspace(-20, 20, 101)
    torch.testing.assert_close(wrap(angles).cos(), angles.cos(), atol=1e-5, rtol=0)
    assert float(wrap(angles).abs().max()) <= math.pi + 1e-6
