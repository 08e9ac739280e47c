"""The two-qubit gates of a device, as a CZ between single-qubit gates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from qiskit.circuit import Gate
from qiskit.circuit.library import CXGate, CZGate, ECRGate
from qiskit.synthesis import TwoQubitWeylDecomposition
from qiskit.transpiler import Target

from backends.circuits.program import big_endian
from backends.devices.lowering.single_qubit import Complex, dagger

FRACTIONAL = "rzz"
"""Name of the gate that rotates by any angle in [0, pi/2]."""

COUPLING_GATES: dict[str, type[Gate]] = {"cz": CZGate, "cx": CXGate, "ecr": ECRGate}
"""Gates that are a CZ between single-qubit gates, the one that is taken where there are several first."""


@dataclass(frozen=True, eq=False)
class Coupler:
    """``CZ = (after) gate (before)``, up to phase.

    Attributes:
        gate: as the device has it.
        before: on the gate's first and second qubit, (2, 2) each.
        after: likewise.
    """

    gate: Gate
    before: tuple[Complex, Complex]
    after: tuple[Complex, Complex]


def couplers(target: Target) -> dict[tuple[int, int], Coupler]:
    """The best gate of each coupled pair, in the directions that the device has.

    Args:
        target: of the device.
    """
    found: dict[tuple[int, int], Coupler] = {}
    for name in reversed(COUPLING_GATES):
        if name in target.operation_names:
            found |= dict.fromkeys(target[name], _coupler(COUPLING_GATES[name]()))
    return found


def can_merge(target: Target) -> bool:
    """Whether a device has the gates that merged circuits are written in."""
    names = set(target.operation_names)
    return {"rz", "sx"} <= names and not names.isdisjoint(COUPLING_GATES)


def has_fractional(target: Target) -> bool:
    """Whether a device has RZZ gates of any angle."""
    return FRACTIONAL in target.operation_names


def _coupler(gate: Gate) -> Coupler:
    wanted, given = (TwoQubitWeylDecomposition(big_endian(np.array(g.to_matrix()))) for g in (CZGate(), gate))
    return Coupler(
        gate,
        before=(dagger(given.K2l) @ wanted.K2l, dagger(given.K2r) @ wanted.K2r),
        after=(wanted.K1l @ dagger(given.K1l), wanted.K1r @ dagger(given.K1r)),
    )
