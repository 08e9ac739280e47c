"""A fixed unitary on two or three qubits with few two-qubit gates, found by numerical search.

Between RZZ gates by pi/2, each a CZ up to phases, stand single-qubit unitaries that are free. Levenberg and
Marquardt's method fits them, from many random starts at once; it converges quadratically, so that what it
finds is exact to rounding. What is only ever measured in Z may be followed by any diagonal: with that freedom
13 CZ on a line make any unitary on three qubits, and 2 any on two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from backends.devices.lowering.single_qubit import IDENTITY, PAULIS, Complex, Real, dagger

EXACT = 1e-22
"""Sum of the squares of what should vanish, at which a fit counts as exact."""

STARTS, ITERATIONS = 6, 30
"""Random starts that are followed together, and how far."""

DAMPING, LESS_DAMPING, MORE_DAMPING = 0.1, 0.3, 4.0

Pairs = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Template:
    """Where two-qubit gates are, and where each qubit is read.

    Attributes:
        num_qubits: wires, each named after the qubit that begins there.
        pairs: of the RZZ gates by pi/2, first applied first.
        outputs: for each qubit the wire on which it ends.
    """

    num_qubits: int
    pairs: tuple[tuple[int, int], ...]
    outputs: tuple[int, ...]

    @property
    def wires(self) -> list[int]:
        """Of each single-qubit unitary: two before each RZZ, one at the end of every wire."""
        return [wire for pair in self.pairs for wire in pair] + list(range(self.num_qubits))

    def fit(self, unitary: Complex, rng: np.random.Generator, starts: int = STARTS) -> Complex | None:
        """Find the single-qubit unitaries.

        Args:
            unitary: (2^n, 2^n), qubit 0 most significant.
            rng: where the starts come from.
            starts: how many.

        Returns:
            (len(wires), 2, 2), such that the circuit is the unitary, up to a diagonal after it and to
            `outputs`; None if no start leads there.
        """
        wanted = dagger(_moved(unitary, self.outputs))
        singles = rotation(1.5 * rng.normal(size=(starts, len(self.wires), 3)))
        damping = np.full(starts, DAMPING)
        partial = self._partial(singles, wanted)
        errors = _off_diagonal(partial[:, -1])
        cost = np.sum(errors**2, axis=-1)
        for _ in range(ITERATIONS):
            if cost.min() < EXACT:
                return np.asarray(singles[cost.argmin()])
            moved = rotation(self._step(partial, errors, damping)) @ singles
            tried = self._partial(moved, wanted)
            found = _off_diagonal(tried[:, -1])
            better = np.sum(found**2, axis=-1) < cost
            damping = np.clip(damping * np.where(better, LESS_DAMPING, MORE_DAMPING), 1e-12, 1e6)
            singles[better], partial[better], errors[better] = moved[better], tried[better], found[better]
            cost = np.sum(errors**2, axis=-1)
        return None

    def _partial(self, singles: Complex, wanted: Complex) -> Complex:
        """The circuit up to each single-qubit unitary, times `wanted`: (starts, singles, 2^n, 2^n)."""
        product = np.broadcast_to(wanted, (len(singles), *wanted.shape))
        products = []
        for k, wire in enumerate(self.wires):
            product = _apply(singles[:, k], wire, product)
            products.append(product)
            if k % 2 and k < 2 * len(self.pairs):
                product = self._gates[self.pairs[k // 2]][:, None] * product
        return np.stack(products, axis=1)

    def _step(self, partial: Complex, errors: Real, damping: Real) -> Real:
        """Rotation vectors by which the unitaries are to be turned, (starts, singles, 3)."""
        rest = partial[:, -1:] @ dagger(partial)
        slopes = -0.5j * (rest[:, :, None] @ self._generators @ partial[:, :, None])
        jacobian = _off_diagonal(slopes).reshape(len(partial), -1, errors.shape[-1])
        normal = jacobian @ jacobian.swapaxes(-1, -2) + damping[:, None, None] * np.eye(jacobian.shape[1])
        step = np.linalg.solve(normal, -(jacobian @ errors[..., None]))
        return np.asarray(step.reshape(len(partial), -1, 3))

    @cached_property
    def _generators(self) -> Complex:
        """Pauli matrices on each unitary's wire, (singles, 3, 2^n, 2^n)."""
        paulis = np.stack([PAULIS[letter] for letter in "XYZ"])
        whole = np.eye(2**self.num_qubits, dtype=complex)
        return np.stack([_apply(paulis, wire, np.stack([whole] * 3)) for wire in self.wires])

    @cached_property
    def _gates(self) -> dict[tuple[int, int], Complex]:
        """Diagonals of the RZZ gates by pi/2."""
        signs = _signs(self.num_qubits)
        return {pair: np.exp(-0.25j * np.pi * signs[pair[0]] * signs[pair[1]]) for pair in self.pairs}


def rotation(vectors: Real) -> Complex:
    """Rotations by the length of vectors (..., 3), in radians, about their direction: (..., 2, 2)."""
    half = np.linalg.norm(vectors, axis=-1)[..., None, None] / 2
    generator = np.einsum("...a,aij->...ij", vectors, np.stack([PAULIS[letter] for letter in "XYZ"]))
    return np.asarray(np.cos(half) * IDENTITY - 0.5j * np.sinc(half / np.pi) * generator)


def _apply(single: Complex, wire: int, matrices: Complex) -> Complex:
    """A single-qubit matrix (..., 2, 2) after matrices (..., 2^n, 2^n)."""
    tensor = matrices.reshape(*matrices.shape[:-2], 2**wire, 2, -1)
    return np.asarray((single[..., None, :, :] @ tensor).reshape(matrices.shape))


def _off_diagonal(matrices: Complex) -> Real:
    """Real and imaginary parts of all entries off the diagonal, (..., 2 N (N - 1))."""
    entries = matrices[..., ~np.eye(matrices.shape[-1], dtype=bool)]
    return np.concatenate([entries.real, entries.imag], axis=-1)


def _signs(num_qubits: int) -> npt.NDArray[np.int64]:
    """Eigenvalues of Z on each qubit in every basis state, (n, 2^n)."""
    bits = np.arange(2**num_qubits) >> np.arange(num_qubits)[::-1, None] & 1
    return 1 - 2 * bits


def _moved(unitary: Complex, outputs: Sequence[int]) -> Complex:
    """The unitary with each qubit's outcome on the wire where it ends."""
    n = len(outputs)
    order = [outputs.index(wire) for wire in range(n)]
    return np.asarray(unitary.reshape(*[2] * n, -1).transpose([*order, n]).reshape(unitary.shape))
