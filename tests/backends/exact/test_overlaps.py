import itertools

import pytest
import torch

from backends.exact.overlaps import distributions

D, ROWS = 3, 4


def random_chain(bonds):
    rng = torch.Generator().manual_seed(0)
    sides = itertools.pairwise([1, *bonds, 1])
    return [torch.randn(ROWS, *bonds, D, dtype=torch.complex128, generator=rng) for bonds in sides]


def dense_distributions(tensors):
    """The distribution of each register from all amplitudes of the state: (registers, ROWS, D)."""
    state = tensors[0].new_ones(ROWS, 1, 1)
    for tensor in tensors:
        state = torch.einsum("nsl,nlrd->nsdr", state, tensor).flatten(1, 2)
    probabilities = state.squeeze(-1).abs().square().reshape(ROWS, *[D] * len(tensors))
    others = [[1 + j for j in range(len(tensors)) if j != k] for k in range(len(tensors))]
    return [probabilities.sum(axes) if axes else probabilities for axes in others]


@pytest.mark.parametrize("bonds", [(), (2,), (2, 4), (3, 5, 2), (1, 2)], ids=str)
def test_distributions(bonds):
    tensors = random_chain(bonds)
    flat, _ = distributions(tensors)
    found = [each.reshape(ROWS, -1, D, 2).sum((1, 3)) for each in flat]
    torch.testing.assert_close(found, dense_distributions(tensors))


@pytest.mark.parametrize("bonds", [(), (2,), (2, 4), (3, 5, 2), (1, 2)], ids=str)
def test_derivatives(bonds):
    tensors = [tensor.requires_grad_() for tensor in random_chain(bonds)]
    observables = torch.randn(
        len(tensors), ROWS, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    loss = (torch.stack(dense_distributions(tensors)) * observables).sum()
    expected = torch.autograd.grad(loss, tensors)
    with torch.no_grad():
        _, pull = distributions(tensors)
        found = pull(list(observables.to(torch.complex128)))
    for gradient, wanted in zip(found, expected, strict=True):
        turned = wanted.transpose(1, 2).reshape(-1)  # autograd's gradient is twice the derivative
        torch.testing.assert_close(2 * gradient.reshape(-1), turned)
