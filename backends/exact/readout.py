"""<Z> of every qubit of a state with all its amplitudes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from backends.exact.constants import Constant
from backends.exact.paulis import z_signs
from backends.exact.steps import MonomialStep


class ZReadout:
    """<Z> of every qubit of states (G, 2^n, B).

    The qubits' signs are applied to the first half of them, then to the second: the whole distribution is
    passed over once.

    Args:
        steps: what still renames basis states before they are read.
        order: the qubits of the state after that, most significant first.
    """

    def __init__(self, steps: Sequence[MonomialStep], order: Sequence[int]) -> None:
        self._steps = steps
        self._sizes = [len(order) // 2, len(order) - len(order) // 2]
        self._signs = [Constant(_signs(size)) for size in self._sizes]
        self._order, self._places = Constant(order), Constant(np.argsort(order))

    def __call__(self, state: Tensor) -> Tensor:
        """Complex (G, 2^n, B) to (G, B, n), qubits ascending."""
        groups, _, rows = state.shape
        weights = torch.view_as_real(state).square().flatten(-2)  # re^2 and im^2 beside each other
        for step in self._steps:
            weights = step.rename(weights)
        first, second = (signs.like(state) for signs in self._signs)
        a, b = self._sizes
        table = first @ weights.reshape(groups, 2**a, -1)
        table = second @ table.reshape(groups, a + 1, 2**b, -1)  # (G, a + 1, b + 1, 2 * B)
        values = torch.cat([table[:, :a, b], table[:, a, :b]], dim=1).unflatten(-1, (rows, 2)).sum(-1)
        return values.index_select(1, self._places.like(values)).mT

    def pull(self, state: Tensor, gradient: Tensor) -> Tensor:
        """Gradient in what a call gives to that in the state."""
        ordered = gradient.mT.index_select(1, self._order.like(gradient))  # (G, n, B)
        first, second = (signs.like(gradient)[:-1].mT for signs in self._signs)
        a, _ = self._sizes
        weights = (first @ ordered[:, :a]).unsqueeze(2) + (second @ ordered[:, a:]).unsqueeze(1)
        weights = 2 * weights.flatten(1, 2)
        for step in reversed(self._steps):
            weights = step.pull_rename(weights)
        return state * weights


def _signs(num_qubits: int) -> np.ndarray:
    """The eigenvalues of each qubit's Z in all basis states, and ones: (n + 1, 2^n)."""
    words = ["I" * k + "Z" + "I" * (num_qubits - k - 1) for k in range(num_qubits)]
    return np.stack([*map(z_signs, words), np.ones(2**num_qubits)])


def z_expectations(probabilities: Tensor) -> Tensor:
    """<Z_i> of every qubit, (..., n), from the distribution (..., 2^n) with qubit 0 most significant."""
    values = []
    while (half := probabilities.shape[-1] // 2) > 0:
        zero, one = probabilities[..., :half], probabilities[..., half:]
        values.append((zero - one).sum(-1))
        probabilities = zero + one
    return torch.stack(values, dim=-1)
