"""One independent part of a circuit with its noise.

What comes after the last gate that reads an input is the same for all rows. It is applied backwards to the
observables, once for a set of weights, and only what comes before it to the states of the rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from backends.channels.angles import AffineAngles, ComputedAngles
from backends.channels.blocks import Block, Group, apply, fuse
from backends.channels.gates import Gate, read_gates, reading
from backends.channels.transfer import Real
from backends.circuits.program import AffineMap
from backends.devices.placement import Piece
from backends.exact.constants import Constant


class NoisyPart:
    """Expectations of products of Z on a compiled part, as a measurement with noise finds them.

    Args:
        piece: of one component.
        angles: the program's affine map.
        words: which of the component's qubits each product reads.
    """

    def __init__(self, piece: Piece, angles: AffineMap, words: Sequence[Sequence[int]]) -> None:
        gates, of_parameters = read_gates(piece)
        before = angles.take(list(piece.components[0].angles))
        self.is_smooth = piece.affine is not None
        """Whether torch can differentiate to any order."""
        self._angles: AffineAngles | ComputedAngles
        if piece.affine is not None:
            self._angles = AffineAngles(before.then(piece.affine).then(of_parameters))
        else:
            nothing = np.zeros(0)
            self._angles = ComputedAngles(
                lambda rows: of_parameters(piece.angles(rows), nothing), before, runs(gates, piece.num_qubits)
            )
        per_row = self._angles.per_row
        columns = (np.where(per_row, np.cumsum(per_row), np.cumsum(~per_row)) - 1).tolist()
        first, last = split(fuse(gates, per_row))
        self._first, self._last = ([Block(group, columns) for group in half] for half in (first, last))
        self._num_qubits = piece.num_qubits
        self._start = Constant(_product([np.array([1.0, 0.0, 0.0, 1.0])] * piece.num_qubits))
        self._words = Constant(np.stack([_observable(piece, word) for word in words]))

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """(G, B, num_inputs) and (G, num_weights), radians, to (G, B, num_words)."""
        of_rows, shared = self._angles(inputs, weights)
        state = self._start.like(inputs).reshape(1, 1, -1)
        for block in self._first:
            state = apply(block.matrix(of_rows, shared), state, block.qubits, self._num_qubits)
        words = self._words.like(inputs).unsqueeze(0)  # (G, num_words, 4^n)
        for block in reversed(self._last):
            words = apply(block.matrix(of_rows, shared).mT, words, block.qubits, self._num_qubits)
        values = state @ words.mT
        return values.expand(*inputs.shape[:2], -1)


def runs(gates: Sequence[Gate], num_qubits: int) -> list[int]:
    """For each angle, in order, the number of its run: the gates of one qubit between two on more."""
    number, found = itertools.count(num_qubits), []
    current = list(range(num_qubits))
    for gate in gates:
        if len(gate.qubits) > 1:
            alone = next(number)
            for qubit in gate.qubits:
                current[qubit] = next(number)
        if gate.angle is not None:
            found.append(current[gate.qubits[0]] if len(gate.qubits) == 1 else alone)
    return found


def split(groups: Sequence[Group]) -> tuple[list[Group], list[Group]]:
    """Cut a circuit: first what every row needs for itself, last what is the same for all."""
    first: list[Group] = []
    last: list[Group] = []
    touched: set[int] = set()
    for group in reversed(groups):
        if group.per_row or touched.intersection(group.qubits):
            touched |= group.qubits
            first.insert(0, group)
        else:
            last.insert(0, group)
    return first, last


def _observable(piece: Piece, word: Sequence[int]) -> Real:
    """A product of outcomes as a vector on the Pauli strings of the piece's qubits, (4^n,)."""
    read = {piece.wires[qubit] for qubit in word}
    nothing = np.array([1.0, 0.0, 0.0, 0.0])
    return _product(
        [reading(piece.noise_model, k) if k in read else nothing for k in range(piece.num_qubits)]
    )


def _product(factors: Sequence[Real]) -> Real:
    product = np.ones(1)
    for factor in factors:
        product = np.asarray(np.kron(product, factor))
    return product
