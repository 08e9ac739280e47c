"""A route in native gates: CZ or the like, fractional RZZ where wanted, and single-qubit unitaries between.

The single-qubit unitaries come as factors that stand in a row on their wire until the next two-qubit gate:
constants, slots of the skeleton, and rotations by the gamma of an interaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from qiskit.circuit import Gate

from backends.devices.lowering.coupler import Coupler
from backends.devices.lowering.routing import Hop, Route
from backends.devices.lowering.single_qubit import (
    HADAMARD,
    PAULIS,
    PHASE,
    TO_Z,
    Complex,
    Real,
    dagger,
    rotations,
)
from backends.devices.lowering.skeleton import Skeleton, Values


@dataclass(frozen=True)
class Angle:
    """``scale * gamma + offset`` of an interaction, radians."""

    interaction: int
    scale: float = 1.0
    offset: float = 0.0

    def of(self, values: Values) -> Real:
        """For each row."""
        return self.scale * values.gammas[:, self.interaction] + self.offset


@dataclass(frozen=True)
class ZTurn:
    """A rotation about Z on one wire."""

    angle: Angle


Factor = Complex | int | ZTurn
"""A constant (2, 2), the number of a slot, or a rotation."""


@dataclass(frozen=True, eq=False)
class Single:
    """A single-qubit gate: the product of its factors, first applied first."""

    wire: int
    factors: tuple[Factor, ...]

    @property
    def is_constant(self) -> bool:
        """Whether it depends on no parameter."""
        return all(isinstance(factor, np.ndarray) for factor in self.factors)

    def matrices(self, values: Values | None = None) -> Complex:
        """(rows, 2, 2), or (2, 2) for a constant."""
        product: Complex = np.eye(2, dtype=complex)
        for factor in self.factors:
            product = _matrices(factor, values) @ product
        return product


@dataclass(frozen=True, eq=False)
class Pair:
    """A two-qubit gate: a constant one, or an RZZ by an angle."""

    wires: tuple[int, int]
    gate: Gate | Angle


def native_gates(
    route: Route, skeleton: Skeleton, couplers: Mapping[tuple[int, int], Coupler], *, fractional: bool
) -> list[Single | Pair]:
    """Write a route in native gates.

    Args:
        route: on the qubits of a chip.
        skeleton: what is routed.
        couplers: of the chip, by the pair of its qubits.
        fractional: whether to use RZZ of any angle in [0, pi/2].
    """
    writer = _Writer(couplers, fractional)
    for hop in route.hops:
        if hop.interaction is not None:
            for wire, slot in zip(hop.wires, skeleton.slots_of(hop.interaction), strict=True):
                writer.single(wire, slot)
        is_clifford = hop.interaction is not None and skeleton.interactions[hop.interaction].is_clifford
        writer.hop(hop, is_clifford)
    for qubit, wire in enumerate(route.end):
        writer.single(wire, skeleton.last_slot(qubit))
    return writer.finish()


@dataclass
class _Writer:
    couplers: Mapping[tuple[int, int], Coupler]
    fractional: bool
    gates: list[Single | Pair] = field(default_factory=list)
    pending: defaultdict[int, list[Factor]] = field(default_factory=lambda: defaultdict(list))

    def single(self, wire: int, *factors: Factor) -> None:
        self.pending[wire] += factors

    def pair(self, wires: tuple[int, int], gate: Gate | Angle) -> None:
        for wire in wires:
            self._flush(wire)
        self.gates.append(Pair(wires, gate))

    def finish(self) -> list[Single | Pair]:
        for wire in list(self.pending):
            self._flush(wire)
        return self.gates

    def hop(self, hop: Hop, is_clifford: bool) -> None:
        first, second = hop.wires
        if hop.interaction is None:
            self.cx(first, second)
            self.cx(second, first)
            self.cx(first, second)
        elif is_clifford and hop.swap:
            self.iswap(first, second)
        elif is_clifford:
            self.quarter_rzz(first, second)
        elif self.fractional and hop.swap:
            self.fractional_rzz_swap(first, second, hop.interaction)
        elif self.fractional:
            self.pair(hop.wires, Angle(hop.interaction))
        else:
            self.rzz(first, second, hop.interaction, swap=hop.swap)

    def cz(self, first: int, second: int) -> None:
        wires = (first, second) if (first, second) in self.couplers else (second, first)
        coupler = self.couplers[wires]
        for wire, factor in zip(wires, coupler.before, strict=True):
            self.single(wire, factor)
        self.pair(wires, coupler.gate)
        for wire, factor in zip(wires, coupler.after, strict=True):
            self.single(wire, factor)

    def cx(self, control: int, target: int) -> None:
        self.single(target, HADAMARD)
        self.cz(control, target)
        self.single(target, HADAMARD)

    def quarter_rzz(self, first: int, second: int) -> None:
        """RZZ(pi/2)."""
        self.cz(first, second)
        self.single(first, PHASE)
        self.single(second, PHASE)

    def iswap(self, first: int, second: int) -> None:
        """RZZ(pi/2) and a SWAP."""
        self.single(first, PHASE, HADAMARD)
        self.single(second, PHASE)
        self.cx(first, second)
        self.cx(second, first)
        self.single(second, HADAMARD)

    def rzz(self, first: int, second: int, interaction: int, *, swap: bool) -> None:
        """RZZ is CX, RZ, CX; of a SWAP's three CX in front of it two cancel."""
        self.cx(first, second)
        if swap:
            self.cx(second, first)
        self.single(second, ZTurn(Angle(interaction)))
        self.cx(first, second)

    def fractional_rzz_swap(self, first: int, second: int, interaction: int) -> None:
        """A SWAP is RXX, RYY and RZZ by pi/2 each.

        The RZZ by gamma + pi/2 is brought back into [0, pi/2]: it is ZZ and RZZ by gamma - pi/2, whose sign
        an X on either side turns.
        """
        for axis in "XY":
            self.single(first, TO_Z[axis])
            self.single(second, TO_Z[axis])
            self.quarter_rzz(first, second)
            self.single(first, dagger(TO_Z[axis]))
            self.single(second, dagger(TO_Z[axis]))
        self.single(first, PAULIS["X"])
        self.pair((first, second), Angle(interaction, -1.0, np.pi / 2))
        self.single(first, PAULIS["X"], PAULIS["Z"])
        self.single(second, PAULIS["Z"])

    def _flush(self, wire: int) -> None:
        if factors := self.pending.pop(wire, []):
            self.gates.append(Single(wire, tuple(factors)))


def _matrices(factor: Factor, values: Values | None) -> Complex:
    if isinstance(factor, np.ndarray):
        return factor
    if values is None:
        raise ValueError("a gate that depends on parameters needs their values")
    if isinstance(factor, ZTurn):
        return rotations("Z", factor.angle.of(values))
    return values.slots[:, factor]
