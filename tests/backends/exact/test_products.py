import functools
import itertools

import numpy as np
import pytest
import torch

from backends.exact.fusion import FusedGate, Word
from backends.exact.products import product_tree

GROUPS, D = 2, 3


def word(link):
    return Word((FusedGate(np.zeros((1, 3, D, D)), link=link),), link)


def random_matrices(links):
    rng = torch.Generator().manual_seed(0)
    shapes = [(GROUPS, D, 1 if link is None else 2, D) for link in links]
    return [torch.randn(shape, dtype=torch.complex128, generator=rng) for shape in shapes]


LINKS = [
    [None],
    [0],
    [None, 0],
    [0, None, 1],
    [0, 1, 0],
    [1, 0, 1, 0, None],
    [0, 0, 0],
    [None, 0, 1, None, 0, 1, None],
    [0, 1, 2, 1, 0, 2],
]
"""The link of each word, first applied first."""


@pytest.mark.parametrize("links", LINKS, ids=str)
def test_every_combination_of_branches(links):
    matrices = random_matrices(links)
    tree = product_tree([word(link) for link in links])
    product, _ = tree(matrices)
    assert sorted(tree.links) == sorted(set(links) - {None})
    assert product.shape == (GROUPS, D, *[2] * len(tree.links), D)
    for branches in itertools.product((0, 1), repeat=len(tree.links)):
        chosen = dict(zip(tree.links, branches, strict=True))
        factors = [m[:, :, chosen.get(link, 0)] for link, m in zip(links, matrices, strict=True)]
        expected = functools.reduce(lambda done, factor: factor @ done, factors)
        torch.testing.assert_close(product[:, :, *branches], expected)


@pytest.mark.parametrize("links", LINKS, ids=str)
def test_gradient(links):
    matrices = [m.requires_grad_() for m in random_matrices(links)]
    product, pull = product_tree([word(link) for link in links])(matrices)
    coefficients = torch.randn(
        product.shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(1)
    )
    expected = torch.autograd.grad((coefficients.conj() * product).sum().real, matrices)
    with torch.no_grad():
        found = pull(coefficients.conj().resolve_conj())
    for gradient, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(gradient.conj().resolve_conj(), wanted)
