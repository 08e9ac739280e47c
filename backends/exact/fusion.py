"""Fusing the gates of a small register into a few matrices, once for a whole batch.

Gates whose angles do not depend on the batch are the same for every row, so their product is formed
once. Each gate of one angle is ``A0 + cos(angle/2) A1 + sin(angle/2) A2`` with constant matrices, and two
gates after each other are a sum of nine constant matrices: all pairs of all registers come out of one
batched product, and a tree of matrix products multiplies each *word* of them together.

A gate that joins two registers is taken apart: it is diagonal in some Pauli basis of its control qubit,
so it is the sum over two *branches*: a projector there, and in the other register a gate that depends
on the branch. Gates with a branch carry its `link`; a word with a link is multiplied out for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from ..program import AffineMap, Fixed, Rotation
from .constants import Constant, HalfAngles

Matrix = npt.NDArray[np.complex128]

PAULIS: dict[str, Matrix] = {
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]], dtype=complex),
    "Z": np.array([[1, 0], [0, -1]], dtype=complex),
}
WORD_LENGTH = 8
"""Gates of one word: longer circuits become several words, multiplied one after another."""


@dataclass(frozen=True)
class FusedGate:
    """A gate on a whole register.

    Attributes:
        terms: (branches, 3, d, d), the matrices A0, A1, A2 of each branch; one branch without a link.
        angle: which angle it takes; None for a constant, whose A1 and A2 are zero.
        link: the link whose branch it depends on.
    """

    terms: npt.NDArray[np.complex128]
    angle: int | None = None
    link: int | None = None


@dataclass(frozen=True)
class Word:
    """Consecutive gates, at most one link among them."""

    gates: tuple[FusedGate, ...]
    link: int | None

    @property
    def branches(self) -> int:
        """1, or 2 when the word has a link."""
        return 1 if self.link is None else 2


def embed(matrix: Matrix, qubits: Sequence[int], num_qubits: int) -> Matrix:
    """Extend a matrix on `qubits` (most significant first) to `num_qubits` qubits, qubit 0 leading."""
    k = len(qubits)
    rest = [q for q in range(num_qubits) if q not in qubits]
    full = np.kron(matrix, np.eye(2 ** (num_qubits - k))).reshape([2] * (2 * num_qubits))
    order = np.argsort([*qubits, *rest])
    shape = (2**num_qubits, 2**num_qubits)
    return full.transpose([*order, *(num_qubits + order)]).reshape(shape).astype(complex)


def fixed_gate(operation: Fixed, num_qubits: int) -> FusedGate:
    """A constant gate inside one register."""
    return _constant(embed(operation.matrix, operation.qubits, num_qubits))


def projectors(pauli: str, qubit: int, num_qubits: int, link: int) -> FusedGate:
    """The control side of a link: branch s keeps the eigenspace (-1)^s of the Pauli."""
    halves = [embed((np.eye(2) + sign * PAULIS[pauli]) / 2, [qubit], num_qubits) for sign in (1, -1)]
    terms = np.zeros((2, 3, *halves[0].shape), dtype=complex)
    terms[:, 0] = halves
    return FusedGate(terms, link=link)


def rotation_gate(rotation: Rotation, num_qubits: int) -> FusedGate:
    """A rotation inside one register."""
    d = 2**num_qubits
    active: Matrix = np.eye(d, dtype=complex)
    for control in rotation.controls:
        active = active @ embed((np.eye(2) - PAULIS["Z"]) / 2, [control], num_qubits)
    pauli: Matrix = np.eye(d, dtype=complex)
    for letter, target in zip(rotation.pauli, rotation.targets, strict=True):
        pauli = pauli @ embed(PAULIS[letter], [target], num_qubits)
    return FusedGate(np.array([[np.eye(d) - active, active, -1j * active @ pauli]]), rotation.angle)


def conditional(rotation: Rotation, projected: int, position: int, num_qubits: int, link: int) -> FusedGate:
    """The target side of a link: a two-qubit rotation as seen by the qubit that `projectors` left.

    Args:
        rotation: acts on two qubits.
        projected: 0 or 1, which of ``rotation.qubits`` the projectors took.
        position: the other qubit's place in its register.
        num_qubits: size of that register.
        link: the link whose branch decides.
    """
    letter = rotation.pauli if rotation.controls else rotation.pauli[1 - projected]
    plus = rotation_gate(Rotation(letter, (position,), rotation.angle), num_qubits).terms[0]
    if rotation.controls:  # off in branch 0, on in branch 1
        off = np.zeros_like(plus)
        off[0] = np.eye(2**num_qubits)
        return FusedGate(np.stack([off, plus]), rotation.angle, link)
    minus = plus * np.array([1, 1, -1])[:, None, None]
    return FusedGate(np.stack([plus, minus]), rotation.angle, link)


def conditional_fixed(matrices: Sequence[Matrix], qubit: int, num_qubits: int, link: int) -> FusedGate:
    """The target side of a constant controlled gate: `matrices[s]` on `qubit` in branch s."""
    terms = np.stack([_constant(embed(matrix, [qubit], num_qubits)).terms[0] for matrix in matrices])
    return FusedGate(terms, link=link)


def absorb_constants(gates: Sequence[FusedGate]) -> list[FusedGate]:
    """Multiply each constant gate into the gate before it (the leading ones into the first rotation)."""
    merged: list[FusedGate] = []
    for gate in gates:
        last = merged[-1] if merged else None
        if last is None or (last.angle is not None and gate.angle is not None) or not _joinable(last, gate):
            merged.append(gate)
        else:
            merged[-1] = _multiply(gate, last)
    return merged


def words(gates: Sequence[FusedGate]) -> list[Word]:
    """Cut a list of gates into words of at most `WORD_LENGTH` gates and one link."""
    result: list[Word] = []
    for gate in gates:
        last = result[-1] if result else None
        if last and len(last.gates) < WORD_LENGTH and (gate.link is None or last.link in (None, gate.link)):
            link = last.link if gate.link is None else gate.link
            result[-1] = Word((*last.gates, gate), link)
        else:
            result.append(Word((gate,), gate.link))
    return result


class WordTable:
    """All words of equal dimension, ready to be evaluated together.

    Args:
        table: words of a class of circuits that differ only in their angles.
        angle_rows: (num_circuits, num_angles), for each circuit the rows of `angles` its gates take.
        angles: the program's affine map.
    """

    def __init__(
        self,
        table: Sequence[Word],
        angle_rows: Sequence[Sequence[int]],
        angles: AffineMap,
    ) -> None:
        self.starts = np.cumsum([0, *(word.branches for word in table)])
        dimension = table[0].gates[0].terms.shape[-1]
        longest = max(2, *(len(word.gates) for word in table))
        length = 1 << (longest - 1).bit_length()
        columns = [
            _slots(word, branch, length, dimension) for word in table for branch in range(word.branches)
        ]
        order = _halving_order(length)
        slots = [column[k] for k in order for column in columns]
        self.shape = (length, len(columns), dimension)
        earlier, later = np.stack([terms for terms, _ in slots]).reshape(2, -1, 3, dimension, dimension)
        pairs = later[:, None] @ earlier[:, :, None]  # (length / 2 * W, 3 of earlier, 3 of later, d, d)
        self.pairs = Constant(np.stack([pairs.real, pairs.imag], axis=-1).reshape(len(pairs), 9, -1))
        rows = [
            None if angle is None else int(circuit[angle]) for circuit in angle_rows for _, angle in slots
        ]
        self.half_angles = HalfAngles(angles.take(rows))

    def __call__(self, weights: Tensor) -> Tensor:
        """Multiply every word out for weights (G, num_weights) in radians; see `products`."""
        return self.products(self.half_angles.of_weights(weights))

    def products(self, half_angles: Tensor) -> Tensor:
        """Multiply every word out.

        Args:
            half_angles: (G, num_circuits * slots, 2), from `half_angles`.

        Returns:
            Complex (G * num_circuits, W, d, d); word k holds the rows ``starts[k]`` to ``starts[k + 1]``.
        """
        length, width, d = self.shape
        coefficients = functional.pad(half_angles, (1, 0), value=1.0)
        earlier, later = coefficients.reshape(-1, 2, length * width // 2, 3).transpose(0, 2).unbind(1)
        both = (earlier.unsqueeze(-1) * later.unsqueeze(-2)).flatten(-2)  # (length / 2 * W, G', 9)
        product = torch.view_as_complex(torch.bmm(both, self.pairs.like(both)).unflatten(-1, (d, d, 2)))
        product = product.flatten(0, 1)
        for _ in range(length.bit_length() - 2):
            earlier, later = product.unflatten(0, (2, -1)).unbind(0)
            product = torch.bmm(later, earlier)
        return product.unflatten(0, (width, -1)).transpose(0, 1)


def _slots(word: Word, branch: int, length: int, dimension: int) -> list[tuple[Matrix, int | None]]:
    identity = np.stack([np.eye(dimension), np.zeros((dimension,) * 2), np.zeros((dimension,) * 2)])
    slots = [(gate.terms[branch if gate.link is not None else 0], gate.angle) for gate in word.gates]
    return slots + [(identity, None)] * (length - len(slots))


def _halving_order(length: int) -> list[int]:
    """Slot order in which multiplying the second half onto the first keeps time order at every level."""
    if length == 1:
        return [0]
    inner = _halving_order(length // 2)
    return [2 * k for k in inner] + [2 * k + 1 for k in inner]


def _constant(matrix: Matrix) -> FusedGate:
    terms = np.zeros((1, 3, *matrix.shape), dtype=complex)
    terms[0, 0] = matrix
    return FusedGate(terms)


def _joinable(first: FusedGate, second: FusedGate) -> bool:
    return first.link is None or second.link is None or first.link == second.link


def _multiply(later: FusedGate, earlier: FusedGate) -> FusedGate:
    """The product of two gates of which at most one takes an angle."""
    fixed, other = (later, earlier) if later.angle is None else (earlier, later)
    matrix = fixed.terms[:, :1]
    terms = matrix @ other.terms if fixed is later else other.terms @ matrix
    link = later.link if earlier.link is None else earlier.link
    return FusedGate(terms, other.angle, link)
