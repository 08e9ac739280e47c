"""Multiplying out the words of all registers of a chain, once for a whole batch.

Angles that do not depend on the batch are the same for every row, so their gates are multiplied first.
Two gates after each other are a sum of at most nine constant matrices, each with a product of two cosines
(1 = cos(0) and sin(t) = cos(t - pi/2) among them): all pairs of all words come out of one batched product,
and a tree of matrix products goes on from there. Words without angles are constants.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from backends.circuits.program import AffineMap
from backends.exact.angles import Angles
from backends.exact.constants import Constant
from backends.exact.fusion import Matrix, Word

_Slot = tuple[Matrix, int | None]


class WordTable:
    """All words of equal dimension, ready to be evaluated together.

    Args:
        words: of a class of circuits that differ only in their angles.
        angle_rows: (num_circuits, num_angles), for each circuit the rows of `angles` its gates take.
        angles: the program's affine map.

    Attributes:
        branches: of each word; the matrices of word k are the next ``branches[k]`` columns of the table.
        angles: what the cosines are taken of, for all circuits.
    """

    def __init__(self, words: Sequence[Word], angle_rows: Sequence[Sequence[int]], angles: AffineMap) -> None:
        self.branches = [word.branches for word in words]
        columns = [_slots(word, branch) for word in words for branch in range(word.branches)]
        self._place_constants(columns)
        computed = [columns[k] for k in self.computed.array]
        length = 1 << (max(2, *map(len, computed)) - 1).bit_length()
        slots = _in_tree_order(computed, length)
        earlier, later = np.stack([terms for terms, _ in slots]).reshape(2, -1, 3, *slots[0][0].shape[1:])
        pairs = later[:, None] @ earlier[:, :, None]  # (length / 2 * W, 3 of earlier, 3 of later, d, d)
        used = np.nonzero(np.any(pairs, axis=(0, 3, 4)))  # of the nine; five for two controlled gates
        pairs = pairs[:, *used]
        self.pairs = Constant(np.stack([pairs.real, pairs.imag], axis=-1).reshape(*pairs.shape[:2], -1))
        self.shape = (length, len(computed), pairs.shape[-1])
        self.angles = _cosine_angles([angle for _, angle in slots], used, angle_rows, angles)

    def _place_constants(self, columns: Sequence[Sequence[_Slot]]) -> None:
        """Tell columns that must be computed from those that are known."""
        varies = [any(angle is not None for _, angle in column) for column in columns]
        varies[0] |= not any(varies)  # there is always something to compute
        self.computed = Constant(np.flatnonzero(varies))
        self.order = Constant(np.argsort(np.argsort(~np.array(varies), kind="stable"), kind="stable"))
        known = [
            functools.reduce(lambda product, slot: slot[0][0] @ product, column[1:], column[0][0][0])
            for column, computed in zip(columns, varies, strict=True)
            if not computed
        ]
        matrices = np.array(known).reshape(-1, *columns[0][0][0].shape[1:]).transpose(1, 0, 2)
        self.known = Constant(np.stack([matrices.real, matrices.imag], axis=-1))

    def __call__(self, weights: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Multiply every word out for weights (G, num_weights), radians.

        Returns:
            What `products` does, the function giving the gradient in the weights.
        """
        matrices, pull = self.products(self.angles.of_weights(weights))
        return matrices, lambda gradient: self.angles.pull_weights(pull(gradient))

    def products(self, angles: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Multiply every word out.

        Args:
            angles: (G, n), as `self.angles` gives them.

        Returns:
            Complex (G * num_circuits, d out, W, d in), and a function that takes the conjugate of the
            gradient in them to the gradient in the angles.
        """
        length, width, d = self.shape
        count = length * width // 2
        table = angles.reshape(-1, 2, count, self.pairs.array.shape[1]).permute(1, 2, 0, 3)
        cosines = table.cos()
        pairs = self.pairs.like(angles)
        product = torch.view_as_complex(torch.bmm(cosines[0] * cosines[1], pairs).reshape(-1, d, d, 2))
        levels: list[tuple[Tensor, Tensor]] = []
        for _ in range(length.bit_length() - 2):
            earlier, later = product.chunk(2)
            levels.append((earlier, later))
            product = torch.bmm(later, earlier)

        def pull(gradient: Tensor) -> Tensor:
            gradient = gradient.index_select(2, self.computed.like(gradient))
            gradient = gradient.permute(2, 0, 1, 3).reshape(-1, d, d)
            for earlier, later in reversed(levels):
                gradient = torch.cat([torch.bmm(later.mT, gradient), torch.bmm(gradient, earlier.mT)])
            flat = torch.view_as_real(gradient.conj_physical()).reshape(count, -1, 2 * d * d)
            in_both = torch.bmm(flat, pairs.mT)
            in_table = in_both.neg() * cosines.flip(0) * table.sin()
            return in_table.permute(2, 0, 1, 3).reshape(angles.shape)

        return self._with_constants(product.reshape(width, -1, d, d).permute(1, 2, 0, 3)), pull

    def _with_constants(self, computed: Tensor) -> Tensor:
        """(G, d, columns that are computed, d) -> (G, d, all columns, d), contiguous."""
        if len(self.order.array) == computed.shape[2]:
            return computed.contiguous()
        known = torch.view_as_complex(self.known.like(computed)).expand(len(computed), -1, -1, -1)
        return torch.cat([computed, known], dim=2).index_select(2, self.order.like(computed))


def _slots(word: Word, branch: int) -> list[_Slot]:
    """The terms of each gate in a branch, and its angle, or None if the branch does not depend on it."""
    terms = [gate.terms[branch if gate.link is not None else 0] for gate in word.gates]
    return [
        (each, gate.angle if np.any(each[1:]) else None) for each, gate in zip(terms, word.gates, strict=True)
    ]


def _in_tree_order(columns: Sequence[Sequence[_Slot]], length: int) -> list[_Slot]:
    """All columns padded to `length` slots with identities, the first slots of each first, and so on."""
    identity = np.zeros_like(columns[0][0][0])
    identity[0] = np.eye(identity.shape[-1])
    padded = [[*column, *[(identity, None)] * (length - len(column))] for column in columns]
    return [column[k] for k in _halving_order(length) for column in padded]


def _halving_order(length: int) -> list[int]:
    """Slot order in which multiplying the second half onto the first keeps time order at every level."""
    if length == 1:
        return [0]
    inner = _halving_order(length // 2)
    return [2 * k for k in inner] + [2 * k + 1 for k in inner]


def _cosine_angles(
    slots: Sequence[int | None],
    used: tuple[np.ndarray, ...],
    angle_rows: Sequence[Sequence[int]],
    angles: AffineMap,
) -> Angles:
    """For each circuit, slot and used pair of terms the angle of the slot's cosine.

    Term 0 of a slot goes with 1, term 1 with the cosine of half the angle, term 2 with the sine.
    """
    terms = np.stack(used)  # (earlier or later, K)
    rows = [None if slot is None else int(circuit[slot]) for circuit in angle_rows for slot in slots]
    shape = (len(angle_rows), 2, len(slots) // 2, terms.shape[1])
    each = np.broadcast_to(terms[None, :, None], shape).ravel()
    repeated = angles.take([row for row in rows for _ in range(terms.shape[1])])
    return Angles(repeated.scaled(np.where(each > 0, 0.5, 0.0), np.where(each == 2, -np.pi / 2, 0.0)))
