"""Any multiplexor as one two-qubit rotation.

A multiplexor applies U0 to its target where the control is 0, U1 where it is 1. It equals

    (RZ(-2 phase) on the control) (after on the target) RZZ(gamma) (before on the target),

Shende, Bullock and Markov, IEEE Trans. CAD 25 (2006), Theorem 12 (arXiv:quant-ph/0406176). The unitaries
here are 2x2, so that no eigenvalue solver is needed: ``U0 U1^dagger`` is a phase times a rotation by
2 gamma about some axis, and `after` turns z to that axis. Of the two signs that the phase leaves open the
one with ``0 <= gamma <= pi/2`` is taken, the range of a fractional RZZ gate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backends.devices.lowering.single_qubit import PAULIS, ROUNDING, Complex, Real, dagger, rotations


@dataclass(frozen=True)
class Demultiplexed:
    """The factors of a batch of multiplexors, (...) each.

    Attributes:
        before: (..., 2, 2), on the target before the rotation.
        gamma: of the RZZ, radians in [0, pi/2].
        after: (..., 2, 2), on the target after it.
        on_control: (..., 2, 2), diagonal, on the control.
    """

    before: Complex
    gamma: Real
    after: Complex
    on_control: Complex


def demultiplex(u0: Complex, u1: Complex) -> Demultiplexed:
    """Factor multiplexors, exactly also where U0 = U1 or U0 = -U1.

    Args:
        u0: unitaries (..., 2, 2) on the target where the control is 0.
        u1: where it is 1.
    """
    ratio = u0 @ dagger(u1)
    phase = np.angle(ratio[..., 0, 0] * ratio[..., 1, 1] - ratio[..., 0, 1] * ratio[..., 1, 0]) / 4
    cosine, axis = _cosine_and_axis(ratio, phase)
    negative = cosine < -ROUNDING  # not by the sign of a zero, which would change from one angle to the next
    phase = phase + np.where(negative, np.pi / 2, 0.0)
    axis = np.where(negative[..., None], -axis, axis)
    sine = np.linalg.norm(axis, axis=-1)
    gamma = np.arctan2(sine, abs(cosine))
    # Turns z to the axis; where the rotation vanishes any axis will do.
    after = rotations("Z", np.arctan2(axis[..., 1], axis[..., 0])) @ rotations(
        "Y", np.arctan2(np.hypot(axis[..., 0], axis[..., 1]), axis[..., 2])
    )
    before = rotations("Z", -gamma) @ dagger(after) @ u0 * np.exp(-1j * phase)[..., None, None]
    return Demultiplexed(before, gamma, after, rotations("Z", -2 * phase))


def _cosine_and_axis(ratio: Complex, phase: Real) -> tuple[Real, Real]:
    """cos and sin * axis (..., 3) of ``exp(-2i phase) ratio = cos - i sin (axis . sigma)``."""
    special = ratio * np.exp(-2j * phase)[..., None, None]
    axis = [-np.trace(special @ PAULIS[p], axis1=-2, axis2=-1).imag / 2 for p in "XYZ"]
    return np.trace(special, axis1=-2, axis2=-1).real / 2, np.stack(axis, axis=-1)
