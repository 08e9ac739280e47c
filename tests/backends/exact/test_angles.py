import numpy as np
import pytest
import torch

from backends.circuits.program import AffineMap
from backends.exact.angles import Angles

RNG = np.random.default_rng(0)
READS = AffineMap(RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2)), RNG.normal(size=5))


def test_angles_of_rows_and_their_gradient():
    inputs, weights = torch.from_numpy(RNG.normal(size=(2, 4, 3))), torch.from_numpy(RNG.normal(size=(2, 2)))
    angles = Angles(READS)
    found = angles.of_rows(inputs, weights)
    expected = [
        [READS(row, w) for row in rows] for rows, w in zip(inputs.numpy(), weights.numpy(), strict=True)
    ]
    np.testing.assert_allclose(found, expected)
    gradient = torch.from_numpy(RNG.normal(size=found.shape))
    x, w = inputs.requires_grad_(), weights.requires_grad_()
    wanted = torch.autograd.grad((angles.of_rows(x, w) * gradient).sum(), (x, w))
    with torch.no_grad():
        torch.testing.assert_close(angles.pull_rows(gradient), wanted)


def test_angles_of_weights_and_their_gradient():
    angles = Angles(AffineMap(np.zeros((5, 3)), READS.weights_matrix, READS.offset))
    weights = torch.from_numpy(RNG.normal(size=(2, 2)))
    np.testing.assert_allclose(
        angles.of_weights(weights), weights.numpy() @ READS.weights_matrix.T + READS.offset
    )
    gradient = torch.from_numpy(RNG.normal(size=(2, 5)))
    np.testing.assert_allclose(angles.pull_weights(gradient), gradient.numpy() @ READS.weights_matrix)


@pytest.mark.parametrize("reads", [True, False])
def test_no_gradient_of_weights_that_are_not_read(reads):
    angles = Angles(AffineMap(READS.inputs_matrix, READS.weights_matrix * reads, READS.offset))
    _, in_weights = angles.pull_rows(torch.ones(1, 2, 5, dtype=torch.float64))
    assert (in_weights is not None) == reads
