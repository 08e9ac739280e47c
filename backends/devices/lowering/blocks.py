"""Which runs of a program's operations are multiplexors.

A two-qubit Pauli rotation, or a CX, acts on one qubit in a way that depends on the other's eigenvalue of
some Pauli matrix: it is a *reading* of the pair with a control, an axis and a target. So is any product of
operations with a common reading, whatever they do to the target. CRZ then CRX of a pair is one block.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from backends.circuits.program import Fixed, Operation
from backends.devices.lowering.single_qubit import (
    IDENTITY,
    PAULIS,
    TO_Z,
    Complex,
    Real,
    dagger,
    kron,
    rotations,
)

Edge = Literal["start", "end"]
"""Where in a circuit a block is cheaper; see `edges`."""


class Reading(NamedTuple):
    """The control of a multiplexor, and the letter of the Pauli matrix whose eigenvalue decides."""

    control: int
    axis: str


@dataclass(frozen=True)
class Block:
    """Operations on a pair of qubits that are a multiplexor together.

    Attributes:
        control: the qubit that decides.
        axis: X, Y or Z, in whose eigenbasis it decides.
        target: the other qubit.
        operations: on one of the two or on both, first applied first.
        edge: of the circuit, if the block is at one.
    """

    control: int
    axis: str
    target: int
    operations: tuple[Operation, ...]
    edge: Edge | None = None

    @property
    def qubits(self) -> tuple[int, int]:
        """Control, then target."""
        return self.control, self.target

    def unitaries(self, angles: Real) -> tuple[Complex, Complex]:
        """What the target undergoes for eigenvalue 1 and -1 of the control, (rows, 2, 2) each.

        Args:
            angles: (rows, num_angles), of the program's rotations.
        """
        both = np.broadcast_to(IDENTITY, (2, len(angles), 2, 2))
        for operation in self.operations:
            both = self._halves(operation, angles) @ both
        return both[0], both[1]

    def _halves(self, operation: Operation, angles: Real) -> Complex:
        """One operation for both eigenvalues, (2, rows or 1, 2, 2)."""
        signs = np.array([1, -1])[:, None]
        if isinstance(operation, Fixed):
            return self._fixed_halves(operation)[:, None]
        angle = np.broadcast_to(angles[:, operation.angle], (2, len(angles)))
        letters = dict(zip(operation.targets, operation.pauli, strict=True))
        if self.control in letters:
            angle = signs * angle
        if self.target in letters:
            return rotations(letters[self.target], angle)
        return np.exp(-0.5j * angle)[..., None, None] * IDENTITY

    def _fixed_halves(self, operation: Fixed) -> Complex:
        pair = (self.control, self.target)
        tensor = _on_pair(operation, pair)
        turn = kron(TO_Z[self.axis], IDENTITY)
        diagonal = (turn @ tensor @ dagger(turn)).reshape(2, 2, 2, 2)
        return np.stack([diagonal[0, :, 0], diagonal[1, :, 1]])


def merge(operations: Iterable[Operation]) -> list[Operation | Block]:
    """Put every two-qubit operation into a block, as few of them as a scan from the left can make.

    Args:
        operations: on one or two qubits, those on two with a reading each; see `readings`.

    Returns:
        Blocks, and the single-qubit operations that are in none.
    """
    scan = _Scan()
    for operation in operations:
        scan.add(operation)
    return scan.elements()


def readings(operation: Operation) -> frozenset[Reading]:
    """All readings of a two-qubit operation as a multiplexor; none of a SWAP, say."""
    if isinstance(operation, Fixed):
        pairs = [Reading(qubit, axis) for qubit in operation.qubits for axis in PAULIS]
        return frozenset(reading for reading in pairs if commutes(operation, reading))
    return frozenset(Reading(*pair) for pair in zip(operation.targets, operation.pauli, strict=True))


@dataclass
class _Open:
    """A block that may still grow: its `trailing` operations are in it if another pair follows."""

    pair: frozenset[int]
    readings: frozenset[Reading]
    operations: list[Operation]
    trailing: list[Operation] = field(default_factory=list)

    def extend(self, operation: Operation) -> bool:
        shared = self.readings & readings(operation)
        live = frozenset(r for r in shared if all(commutes(each, r) for each in self.trailing))
        if live:
            self.readings = live
            self.operations += [*self.trailing, operation]
            self.trailing = []
        return bool(live)

    def close(self) -> Block:
        chosen = max(self.readings, key=lambda reading: (reading.axis, -reading.control))  # Z needs no turn
        (target,) = self.pair - {chosen.control}
        return Block(chosen.control, chosen.axis, target, tuple(self.operations))


class _Scan:
    def __init__(self) -> None:
        self._found: list[Operation | _Open] = []
        self._open: dict[int, _Open] = {}

    def add(self, operation: Operation) -> None:
        blocks = [self._open.get(qubit) for qubit in operation.qubits]
        first = blocks[0]
        if len(operation.qubits) == 1:
            (self._found if first is None else first.trailing).append(operation)
        elif first is None or blocks[1] is not first or not first.extend(operation):
            for block in blocks:
                self._close(block)
            opened = _Open(frozenset(operation.qubits), readings(operation), [operation])
            self._found.append(opened)
            self._open.update(dict.fromkeys(operation.qubits, opened))

    def elements(self) -> list[Operation | Block]:
        for block in list(self._open.values()):
            self._close(block)
        return [found.close() if isinstance(found, _Open) else found for found in self._found]

    def _close(self, block: _Open | None) -> None:
        if block is not None:
            self._found += block.trailing
            block.trailing = []
            self._open = {qubit: other for qubit, other in self._open.items() if other is not block}


def commutes(operation: Operation, reading: Reading) -> bool:
    """Whether an operation leaves the control's eigenvalue alone."""
    if reading.control not in operation.qubits:
        return True
    if isinstance(operation, Fixed):
        letters = [PAULIS[reading.axis] if q == reading.control else IDENTITY for q in operation.qubits]
        pauli = letters[0] if len(letters) == 1 else kron(*letters)
        return np.allclose(operation.matrix @ pauli, pauli @ operation.matrix, atol=1e-12)
    return dict(zip(operation.targets, operation.pauli, strict=True))[reading.control] == reading.axis


def _on_pair(operation: Fixed, pair: Sequence[int]) -> npt.NDArray[np.complex128]:
    """The matrix of a constant gate on both qubits of a pair, the pair's first most significant."""
    if operation.qubits == tuple(pair):
        return operation.matrix
    if len(operation.qubits) == 2:
        return operation.matrix.reshape(2, 2, 2, 2).transpose(1, 0, 3, 2).reshape(4, 4)
    factors = [operation.matrix if q in operation.qubits else IDENTITY for q in pair]
    return kron(*factors)
