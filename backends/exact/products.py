"""Multiplying the words of a register, for every combination of the branches of their links.

The product is a tree fixed at compilation, so that few of its factors have many branches. A factor is
complex (G, d out, 2, ..., 2, d in) with one axis of two branches for each of its links.

Gradients are carried as complex conjugates here: the gradient of ``B A`` is then ``g A^T`` in B and
``B^T g`` in A, without a conjugation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from backends.exact.fusion import Word

Pull = Callable[[Tensor], list[Tensor]]


class Leaf:
    """The matrices of one word."""

    def __init__(self, word: Word) -> None:
        self.links = [] if word.link is None else [word.link]

    def __call__(self, matrices: Sequence[Tensor]) -> tuple[Tensor, Pull]:
        """(G, d out, branches, d in), the only element of a list, as a factor."""
        (matrix,) = matrices
        return matrix if self.links else matrix.squeeze(2), lambda gradient: [gradient.reshape(matrix.shape)]


class Product:
    """Two factors after each other; where both have a link, its branch is the same in both.

    Args:
        first: applied first.
        second: applied second.
        size: number of words in the first.
    """

    def __init__(self, first: Leaf | Product, second: Leaf | Product, size: int) -> None:
        self.first, self.second, self.size = first, second, size
        shared = [link for link in second.links if link in first.links]
        self.num_shared = len(shared)
        orders = [shared + [link for link in side.links if link not in shared] for side in (second, first)]
        self.links: list[int] = orders[0] + orders[1][len(shared) :]
        self.to_front = [
            [0, *(2 + side.links.index(link) for link in shared), 1]
            + [2 + side.links.index(link) for link in order[len(shared) :]]
            + [2 + len(order)]
            for side, order in zip((second, first), orders, strict=True)
        ]
        out = 1 + len(shared)
        self.to_back = [0, out, *range(1, out), *range(out + 1, 3 + len(self.links))]

    def __call__(self, matrices: Sequence[Tensor]) -> tuple[Tensor, Pull]:
        """Multiply.

        Args:
            matrices: of each word (G, d out, branches, d in), first applied first.

        Returns:
            The product, and what takes the conjugate of the gradient in it to those in `matrices`.
        """
        earlier, pull_earlier = self.first(matrices[: self.size])
        later, pull_later = self.second(matrices[self.size :])
        later, earlier = self._shared_to_front(later, earlier)
        groups, d = len(later) << self.num_shared, later.shape[-1]
        rows, columns = later.reshape(groups, -1, d), earlier.reshape(groups, d, -1)
        shape = (*later.shape[:-1], *earlier.shape[self.num_shared + 2 :])
        product = torch.bmm(rows, columns).reshape(shape)

        def pull(gradient: Tensor) -> list[Tensor]:
            if self.num_shared:
                gradient = gradient.permute(_inverse(self.to_back))
            flat = gradient.reshape(groups, rows.shape[1], -1)
            in_later = torch.bmm(flat, columns.mT).reshape(later.shape)
            in_earlier = torch.bmm(rows.mT, flat).reshape(earlier.shape)
            if self.num_shared:
                in_later = in_later.permute(_inverse(self.to_front[0]))
                in_earlier = in_earlier.permute(_inverse(self.to_front[1]))
            return [*pull_earlier(in_earlier), *pull_later(in_later)]

        return product.permute(self.to_back) if self.num_shared else product, pull

    def _shared_to_front(self, later: Tensor, earlier: Tensor) -> tuple[Tensor, Tensor]:
        """Shared links become part of the batch: (G, shared links, d out, other links, d in)."""
        if not self.num_shared:
            return later, earlier
        return later.permute(self.to_front[0]), earlier.permute(self.to_front[1])


def product_tree(words: Sequence[Word]) -> Leaf | Product:
    """The product of words, first applied first."""
    if len(words) == 1:
        return Leaf(words[0])
    half = len(words) // 2
    return Product(product_tree(words[:half]), product_tree(words[half:]), half)


def _inverse(axes: Sequence[int]) -> list[int]:
    return sorted(range(len(axes)), key=axes.__getitem__)
