"""Gates as matrices on a whole small register, and the words they are grouped to.

A gate of one angle is ``A0 + cos(angle/2) A1 + sin(angle/2) A2`` with constant matrices. A gate that joins
two registers is taken apart: it is diagonal in some Pauli basis of its control qubit, so it is the sum
over two *branches*: a projector there, and in the other register a gate that depends on the branch.
Gates with a branch carry its `link`; a *word*, a few gates of one link or none, is multiplied out for each
branch (`word_table`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backends.circuits.program import Fixed, Rotation

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
    """Consecutive gates of one link or of none."""

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
        if merged and _joinable(merged[-1], gate):
            merged[-1] = _multiply(gate, merged[-1])
        else:
            merged.append(gate)
    return merged


def words(gates: Sequence[FusedGate]) -> list[Word]:
    """Cut a list of gates into words of at most `WORD_LENGTH` gates."""
    result: list[Word] = []
    for gate in gates:
        last = result[-1] if result else None
        if last and len(last.gates) < WORD_LENGTH and gate.link == last.link:
            result[-1] = Word((*last.gates, gate), gate.link)
        else:
            result.append(Word((gate,), gate.link))
    return result


def _constant(matrix: Matrix) -> FusedGate:
    terms = np.zeros((1, 3, *matrix.shape), dtype=complex)
    terms[0, 0] = matrix
    return FusedGate(terms)


def _joinable(first: FusedGate, second: FusedGate) -> bool:
    """One of them constant, and no rotation given branches that it has not."""
    if first.angle is not None and second.angle is not None:
        return False
    plain = [gate for gate in (first, second) if gate.link is None]
    return first.link == second.link or (len(plain) == 1 and plain[0].angle is None)


def _multiply(later: FusedGate, earlier: FusedGate) -> FusedGate:
    """The product of two gates of which at most one takes an angle."""
    fixed, other = (later, earlier) if later.angle is None else (earlier, later)
    matrix = fixed.terms[:, :1]
    terms = matrix @ other.terms if fixed is later else other.terms @ matrix
    link = later.link if earlier.link is None else earlier.link
    return FusedGate(terms, other.angle, link)
