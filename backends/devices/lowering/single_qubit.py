"""Batches of 2x2 unitaries: Pauli rotations, and the angles of the gate U(theta, phi, lambda)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

IDENTITY = np.eye(2, dtype=complex)
PAULIS: dict[str, Complex] = {
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]], dtype=complex),
    "Z": np.array([[1, 0], [0, -1]], dtype=complex),
}
HADAMARD = (PAULIS["X"] + PAULIS["Z"]) / np.sqrt(2)
PHASE = np.diag([1, 1j])
"""S, the square root of Z."""

ROUNDING = 1e-12
"""Entries of unitaries below this are zero but for rounding."""

TO_Z: dict[str, Complex] = {"X": HADAMARD, "Y": HADAMARD @ PHASE.conj(), "Z": IDENTITY}
"""K with K P K^dagger = Z, for each Pauli matrix P."""


def rotations(pauli: str, angles: Real) -> Complex:
    """``exp(-i angle/2 P)``, (..., 2, 2), of angles (...) in radians."""
    half = angles[..., None, None] / 2
    return np.cos(half) * IDENTITY - 1j * np.sin(half) * PAULIS[pauli]


def dagger(matrices: Complex) -> Complex:
    """Adjoints of (..., 2, 2)."""
    return matrices.conj().swapaxes(-1, -2)


def kron(first: Complex, second: Complex) -> Complex:
    """The (4, 4) product, `first` most significant."""
    return np.asarray(np.kron(first, second), dtype=np.complex128)


def is_identity(matrix: Complex) -> bool:
    """Whether a (2, 2) unitary is a phase."""
    return bool(abs(abs(np.trace(matrix)) - 2) < 1e-12)


def rz_sx_angles(matrices: Complex) -> Real:
    """Angles (a, b, c) such that RZ(a), SX, RZ(b), SX, RZ(c) in this order make the unitary, up to phase.

    Args:
        matrices: (..., 2, 2).

    Returns:
        (..., 3), radians.
    """
    theta = 2 * np.arctan2(abs(matrices[..., 1, 0]), abs(matrices[..., 0, 0]))
    phase_sum = _phase(matrices[..., 1, 1] * matrices[..., 0, 0].conj())
    difference = _phase(-matrices[..., 1, 0] * matrices[..., 0, 1].conj())
    phi, lam = (phase_sum + difference) / 2, (phase_sum - difference) / 2
    # The two phases are each known up to 2 pi, so their half sums up to pi: settle it by the matrix.
    sign = np.real(matrices[..., 1, 0] * matrices[..., 0, 0].conj() * np.exp(-1j * phi))
    phi, lam = np.where(sign < -ROUNDING, [phi + np.pi, lam - np.pi], [phi, lam])
    return np.stack([lam, theta + np.pi, phi + np.pi], axis=-1)


def _phase(products: Complex) -> Real:
    """Phases of products of two entries; 0 where one vanishes, whose phase is noise."""
    return np.where(abs(products) < ROUNDING**2, 0.0, np.angle(products))
