"""Channels fused into blocks: neighbours on at most two qubits become one matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backends.channels.gates import Gate
from backends.channels.transfer import Real, extend
from backends.exact.constants import Constant

BLOCK_QUBITS = 2
"""Qubits of a block; a gate on more is a block of its own."""


@dataclass
class Group:
    """Gates of a block to be.

    Attributes:
        qubits: that they are on.
        gates: first applied first.
        per_row: whether their angles read inputs; None while there is no angle among them.
    """

    qubits: set[int]
    gates: list[Gate] = field(default_factory=list)
    per_row: bool | None = None

    def takes(self, gate: Gate, per_row: bool | None) -> bool:
        """Whether a gate fits in."""
        alike = per_row is None or self.per_row is None or per_row == self.per_row
        return alike and len(self.qubits.union(gate.qubits)) <= max(BLOCK_QUBITS, len(gate.qubits))

    def add(self, gate: Gate, per_row: bool | None) -> None:
        """Take a gate in."""
        self.qubits.update(gate.qubits)
        self.gates.append(gate)
        self.per_row = self.per_row if per_row is None else per_row


def fuse(gates: Sequence[Gate], per_row: npt.NDArray[np.bool_]) -> list[Group]:
    """Group gates, each with the latest that it can move to.

    Args:
        gates: first applied first.
        per_row: for each angle whether it differs from row to row.
    """
    groups: list[Group] = []
    for gate in gates:
        kind = None if gate.angle is None else bool(per_row[gate.angle])
        for group in reversed(groups):
            if group.takes(gate, kind):
                group.add(gate, kind)
                break
            if group.qubits.intersection(gate.qubits):
                groups.append(Group(set()))
                groups[-1].add(gate, kind)
                break
        else:
            groups.append(Group(set()))
            groups[-1].add(gate, kind)
    return groups


class Block:
    """A few channels as one matrix.

    Args:
        group: what is fused.
        columns: for each angle its place among those of its kind, of rows or shared.

    Attributes:
        qubits: what it acts on, ascending.
        per_row: whether every row has a matrix of its own.
    """

    def __init__(self, group: Group, columns: Sequence[int]) -> None:
        self.qubits = tuple(sorted(group.qubits))
        self.per_row = bool(group.per_row)
        position = {qubit: k for k, qubit in enumerate(self.qubits)}
        terms: list[Real] = []
        angles: list[int | None] = []
        for gate in group.gates:
            own = extend(gate.terms, [position[q] for q in gate.qubits], len(self.qubits))
            # At most one of two neighbours that are multiplied has an angle.
            if terms and (gate.angle is None or angles[-1] is None):
                terms[-1] = own @ terms[-1][:1] if angles[-1] is None else own[:1] @ terms[-1]
                angles[-1] = gate.angle if angles[-1] is None else angles[-1]
            else:
                terms.append(own)
                angles.append(gate.angle)
        self._terms = Constant(np.stack(terms).reshape(len(terms), 3, -1))
        self._size = 4 ** len(self.qubits)
        # What has no angle at all reads none: its cosine and sine multiply zeros.
        self._angles = Constant([columns[angle] for angle in angles if angle is not None])
        self._is_constant = all(angle is None for angle in angles)

    def matrix(self, of_rows: Tensor, shared: Tensor) -> Tensor:
        """(G, B, 4^k, 4^k), of which G and B may be 1.

        Args:
            of_rows: (G, B, angles that differ from row to row), radians.
            shared: (G, 1, the others).
        """
        terms = self._terms.like(shared)
        if self._is_constant:
            return terms[0, 0].reshape(1, 1, self._size, self._size)
        angles = of_rows if self.per_row else shared
        own = angles.index_select(-1, self._angles.like(shared))
        factors = torch.stack([torch.ones_like(own), own.cos(), own.sin()], dim=-1)
        # (G, B, K, 3) and (K, 3, d * d)
        matrices = (factors.unsqueeze(-2) @ terms).reshape(*own.shape, self._size, self._size)
        product, *others = matrices.unbind(-3)
        for other in others:
            product = other @ product
        return product


def apply(matrix: Tensor, state: Tensor, qubits: Sequence[int], num_qubits: int) -> Tensor:
    """Apply (G, B, 4^k, 4^k) on some qubits to (G, B, 4^n), where every G and B may be 1."""
    rest = [qubit for qubit in range(num_qubits) if qubit not in qubits]
    order = [*qubits, *rest]
    axes = [2 + qubit for qubit in order]
    tensor = state.unflatten(-1, [4] * num_qubits).permute(0, 1, *axes)
    turned = matrix @ tensor.reshape(*state.shape[:2], matrix.shape[-1], -1)
    back = [2 + int(axis) for axis in np.argsort(order)]
    return turned.reshape(*turned.shape[:2], *[4] * num_qubits).permute(0, 1, *back).flatten(2)
