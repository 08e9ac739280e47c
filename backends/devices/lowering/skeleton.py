"""A program as a skeleton: one RZZ for each of its blocks, and a single-qubit unitary wherever there is room.

Which qubits interact in which order is known when a circuit is compiled. The angles of the RZZ gates and
the unitaries between them are computed for each row of parameter values, at run time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from backends.circuits.program import Fixed, Operation
from backends.devices.lowering.blocks import Block, merge
from backends.devices.lowering.edges import at_end, at_start, settled
from backends.devices.lowering.multiplexor import Demultiplexed, demultiplex
from backends.devices.lowering.single_qubit import IDENTITY, TO_Z, Complex, Real, dagger, rotations
from backends.devices.lowering.two_qubit import in_multiplexors

CONSTANT_TOLERANCE = 1e-9
"""Radians within which the gamma of a block is called the same for all parameter values."""


class Interaction(NamedTuple):
    """One RZZ.

    Attributes:
        qubits: of the program; the second is the block's target.
        is_clifford: whether its angle is pi/2 whatever the parameters, as for a CX.
    """

    qubits: tuple[int, int]
    is_clifford: bool


class Values(NamedTuple):
    """What a skeleton holds for each row.

    Attributes:
        gammas: (rows, num_interactions), radians in [0, pi/2].
        slots: (rows, num_slots, 2, 2): before interaction k on its qubits 2k and 2k+1, then one at the end
            of every qubit.
    """

    gammas: Real
    slots: Complex


@dataclass(frozen=True)
class Skeleton:
    """See the module's description; made by `Skeleton.of`.

    Attributes:
        num_qubits: of the program.
        interactions: in order.
    """

    num_qubits: int
    interactions: tuple[Interaction, ...]
    _elements: tuple[Operation | Block, ...]
    _kept: tuple[bool, ...]

    @classmethod
    def of(
        cls, operations: Sequence[Operation], num_qubits: int, num_angles: int, *, read_in_z: bool = False
    ) -> Skeleton:
        """Find the skeleton of a circuit that begins in ``|0...0>``.

        Args:
            operations: without controls.
            num_qubits: of the circuit.
            num_angles: of its rotations.
            read_in_z: whether nothing but Z is read at its end, so that a diagonal there may be lost.
        """
        elements = at_start(merge(in_multiplexors(operations)))
        if read_in_z:
            elements = at_end(elements)
        # A gamma is piecewise analytic in the angles: the same at random ones, the same at all.
        probes = np.random.default_rng(0).uniform(-np.pi, np.pi, (3, num_angles))
        elements = [_without_edge_if_local(element, probes) for element in elements]
        blocks = [element for element in elements if isinstance(element, Block)]
        gammas = _demultiplexed(blocks, probes).gamma
        is_zero = np.all(gammas < CONSTANT_TOLERANCE, axis=0)
        is_clifford = np.all(abs(gammas - np.pi / 2) < CONSTANT_TOLERANCE, axis=0)
        interactions = [
            Interaction(block.qubits, bool(clifford))
            for block, clifford, zero in zip(blocks, is_clifford, is_zero, strict=True)
            if not zero
        ]
        return cls(num_qubits, tuple(interactions), tuple(elements), tuple(~is_zero))

    @property
    def outputs(self) -> tuple[int, ...]:
        """For each qubit the wire on which it ends, named after the qubit that begins there: its own."""
        return tuple(range(self.num_qubits))

    def slots_of(self, interaction: int) -> tuple[int, int]:
        """The slots before an interaction, on its qubits."""
        return 2 * interaction, 2 * interaction + 1

    def last_slot(self, qubit: int) -> int:
        """The slot at the end of a qubit."""
        return 2 * len(self.interactions) + qubit

    def evaluate(self, angles: Real) -> Values:
        """Fill the skeleton.

        Args:
            angles: of the rotations, (rows, num_angles), radians.
        """
        blocks = [element for element in self._elements if isinstance(element, Block)]
        factors = _demultiplexed(blocks, angles)
        wires: list[Complex] = [np.broadcast_to(IDENTITY, (len(angles), 2, 2))] * self.num_qubits
        slots: list[Complex] = []
        number = iter(range(len(blocks)))
        for element in self._elements:
            if not isinstance(element, Block):
                (qubit,) = element.qubits
                wires[qubit] = _single(element, angles) @ wires[qubit]
                continue
            k, turn = next(number), TO_Z[element.axis]
            pair = [turn @ wires[element.control], factors.before[:, k] @ wires[element.target]]
            if self._kept[k]:
                slots += pair
                pair = [IDENTITY, IDENTITY]
            wires[element.control] = dagger(turn) @ factors.on_control[:, k] @ pair[0]
            wires[element.target] = factors.after[:, k] @ pair[1]
        return Values(factors.gamma[:, list(self._kept)], np.stack([*slots, *wires], axis=1))


def _without_edge_if_local(element: Operation | Block, probes: Real) -> Operation | Block:
    """A block that is no interaction at all needs none at an edge either."""
    if not isinstance(element, Block):
        return element
    inside = replace(element, edge=None)
    gamma = demultiplex(*inside.unitaries(probes)).gamma
    return inside if np.all(gamma < CONSTANT_TOLERANCE) else element


def _demultiplexed(blocks: Sequence[Block], angles: Real) -> Demultiplexed:
    u0, u1 = np.empty((2, len(angles), len(blocks), 2, 2), dtype=complex)
    for k, block in enumerate(blocks):
        u0[:, k], u1[:, k] = block.unitaries(angles)
        if block.edge is not None:
            u0[:, k] = settled(block.edge, u0[:, k], u1[:, k])
    return demultiplex(u0, u1)


def _single(operation: Operation, angles: Real) -> Complex:
    if isinstance(operation, Fixed):
        return operation.matrix
    return rotations(operation.pauli, angles[:, operation.angle])
