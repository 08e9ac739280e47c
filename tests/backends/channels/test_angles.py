from __future__ import annotations

import numpy as np
import pytest
import torch

from backends.channels.angles import AffineAngles, ComputedAngles
from backends.circuits.program import AffineMap

BEFORE = AffineMap(
    np.array([[2.0], [0.0], [0.0]]), np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.zeros(3)
)
INPUTS = torch.tensor([[[0.3], [-1.0]]], dtype=torch.float64, requires_grad=True)
WEIGHTS = torch.tensor([[0.5, 2.0]], dtype=torch.float64, requires_grad=True)


def compute(rows):
    """One angle of an input, two of weights; one of them is only known up to full turns."""
    x, a, b = rows.T
    return np.stack([np.sin(x) * b, np.exp(a), np.remainder(3 * b, 2 * np.pi)], axis=1)


def test_angles_and_which_of_them_read_inputs():
    angles = ComputedAngles(compute, BEFORE, [0, 1, 2])
    assert angles.per_row.tolist() == [True, False, False]
    of_rows, shared = angles(INPUTS, WEIGHTS)
    torch.testing.assert_close(of_rows, (2 * INPUTS).sin() * 2)
    torch.testing.assert_close(shared, torch.tensor([[[np.exp(0.5), 6.0]]], dtype=torch.float64))


def test_angles_of_one_run_stay_together():
    assert ComputedAngles(compute, BEFORE, [0, 0, 1]).per_row.tolist() == [True, True, False]


@pytest.mark.parametrize("runs", [[0, 1, 2], [0, 0, 0]])
def test_derivatives(runs):
    angles = ComputedAngles(compute, BEFORE, runs)
    of_rows, shared = angles(INPUTS, WEIGHTS)
    in_inputs, in_weights = torch.autograd.grad(of_rows.sum() + shared.sum(), (INPUTS, WEIGHTS))
    copies = 1 if runs[1] else 2  # an angle of rows is there once for each row
    x, (a, b) = INPUTS.detach(), WEIGHTS.detach()[0]
    torch.testing.assert_close(in_inputs, 2 * (2 * x).cos() * b, atol=1e-8, rtol=0)
    expected = torch.stack([copies * a.exp(), (2 * x).sin().sum() + 3 * copies])
    torch.testing.assert_close(in_weights[0], expected, atol=1e-8, rtol=0)


def test_a_jump_has_no_slope():
    before = AffineMap(np.array([[1.0]]), np.zeros((1, 0)), np.zeros(1))
    angles = ComputedAngles(lambda rows: np.where(rows > 0.3, 2.0, -1.0) + rows, before, [0])
    inputs = torch.tensor([[[0.3], [0.4]]], dtype=torch.float64, requires_grad=True)
    of_rows, _ = angles(inputs, torch.zeros(1, 0, dtype=torch.float64))
    (slope,) = torch.autograd.grad(of_rows.sum(), inputs)
    torch.testing.assert_close(slope.flatten(), torch.tensor([0.0, 1.0], dtype=torch.float64))


def test_affine_angles_are_exact_and_differentiable_to_any_order():
    angles = AffineAngles(BEFORE)
    assert angles.per_row.tolist() == [True, False, False]
    of_rows, shared = angles(INPUTS, WEIGHTS)
    assert torch.equal(of_rows, 2 * INPUTS)
    assert torch.equal(shared, WEIGHTS.unsqueeze(1))
