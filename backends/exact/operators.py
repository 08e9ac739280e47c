"""The operators of a chain's registers, one matrix for each combination of branches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from backends.circuits.program import AffineMap
from backends.circuits.structure import Component
from backends.exact.fusion import FusedGate, absorb_constants, words
from backends.exact.products import product_tree
from backends.exact.word_table import WordTable


class RegisterOperators:
    """What the gates of every register of a chain do to its encoded state.

    Args:
        gates: those of each register, first applied first.
        links: for each pair of neighbouring registers the links between them.
        circuits: components that differ only in their angles.
        angles: the program's affine map.

    Attributes:
        bonds: for each register the number of branches to its left and to its right.
    """

    def __init__(
        self,
        gates: Sequence[Sequence[FusedGate]],
        links: Sequence[Sequence[int]],
        circuits: Sequence[Component],
        angles: AffineMap,
    ) -> None:
        cut = [words(absorb_constants(register)) for register in gates]
        self.num_words = [len(register) for register in cut]
        table = [word for register in cut for word in register]
        self.table = WordTable(table, [circuit.angles for circuit in circuits], angles)
        self.trees = [product_tree(register) for register in cut]
        sides = list(zip([[], *links], [*links, []], strict=True))
        self.bonds = [(2 ** len(left), 2 ** len(right)) for left, right in sides]
        self.axes = [
            [0, 2 + len(tree.links), *(2 + tree.links.index(link) for link in [*left, *right]), 1]
            for tree, (left, right) in zip(self.trees, sides, strict=True)
        ]
        self.axes_back = [np.argsort(axes).tolist() for axes in self.axes]

    def __call__(self, weights: Tensor) -> tuple[list[Tensor], Callable[[Sequence[Tensor]], Tensor]]:
        """Multiply out for weights (G, num_weights), radians.

        Returns:
            For each register complex (G * num_circuits, d in, left bond, right bond, d out), and what takes
            the gradients in them to the gradient in the weights.
        """
        matrices, pull_matrices = self.table(weights)
        of_words = torch.split_with_sizes(matrices, self.table.branches, dim=2)
        products = []
        for tree, count in zip(self.trees, self.num_words, strict=True):
            products.append(tree(of_words[:count]))
            of_words = of_words[count:]

        def pull(gradients: Sequence[Tensor]) -> Tensor:
            in_words: list[Tensor] = []
            for gradient, axes, (product, pull_product) in zip(
                gradients, self.axes_back, products, strict=True
            ):
                groups, d, *branches = product.shape[:-1]
                split = gradient.conj_physical().reshape(groups, d, *branches, d)
                in_words += pull_product(split.permute(axes))
            return pull_matrices(torch.cat(in_words, dim=2))

        operators = [
            product.permute(axes).reshape(*product.shape[:2], *bonds, -1)
            for (product, _), axes, bonds in zip(products, self.axes, self.bonds, strict=True)
        ]
        return operators, pull


def apply_operator(
    operator: Tensor, state: Tensor
) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, Tensor]]]:
    """Apply a register's operator to its encoded states.

    Args:
        operator: complex (G, d in, l, r, d out).
        state: real (G, B, d in).

    Returns:
        Complex (G * B, l, r, d out), and what takes the gradient in it, complex and turned to
        (G * B, r, l * d out), to those in operator and state.
    """
    groups, d, left, right, _ = operator.shape
    rows = state.shape[1]
    result = torch.bmm(state, torch.view_as_real(operator).flatten(2)).reshape(-1, left, right, d, 2)

    def pull(gradient: Tensor) -> tuple[Tensor, Tensor]:
        turned = torch.view_as_real(operator.transpose(2, 3).contiguous()).flatten(2)
        incoming = torch.view_as_real(gradient).reshape(groups, rows, -1)
        in_turned = torch.bmm(state.mT, incoming).reshape(groups, d, right, left, d, 2)
        in_operator = torch.view_as_complex(in_turned).transpose(2, 3).contiguous()
        return in_operator, torch.bmm(incoming, turned.mT)

    return torch.view_as_complex(result), pull
