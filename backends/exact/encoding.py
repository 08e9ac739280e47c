"""The product state that the leading Rx gates prepare.

``Rx(a)|0> = cos(a/2)|0> - i sin(a/2)|1>``: but for the constant phase (-i)^popcount the encoded state is
a product of real 2-vectors, so it is formed in real arithmetic and the phase goes into the next gate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..program import AffineMap, Operation, Rotation
from ..structure import Component
from .constants import HalfAngles


def split_encoding(component: Component) -> tuple[dict[int, int], list[Operation]]:
    """Take the leading Rx of each qubit off a component.

    Returns:
        For each qubit that begins with an Rx its angle (as the component counts), and the operations left.
    """
    leading: dict[int, int] = {}
    touched: set[int] = set()
    rest: list[Operation] = []
    for operation in component.operations:
        qubits = operation.qubits
        plain_rx = isinstance(operation, Rotation) and operation.pauli == "X" and not operation.controls
        if plain_rx and qubits[0] not in touched:
            leading[qubits[0]] = operation.angle  # type: ignore[union-attr]
        else:
            rest.append(operation)
        touched.update(qubits)
    return leading, rest


def encoding_angles(
    order: Sequence[int | None], leading: dict[int, int], circuits: Sequence[Component], angles: AffineMap
) -> HalfAngles:
    """Half angles of the encoding, (circuit, qubit) flattened.

    Args:
        order: qubits of the component in the order of the result; None or a qubit without Rx stays |0>.
        leading: from `split_encoding`.
        circuits: components of one shape.
        angles: the program's map.
    """
    positions = [leading.get(q) if q is not None else None for q in order]
    rows = [None if p is None else circuit.angles[p] for circuit in circuits for p in positions]
    return HalfAngles(angles.take(rows))


def product_state(half_angles: Tensor) -> Tensor:
    """Real amplitudes of a product of encoded qubits, without the phases.

    Args:
        half_angles: (..., n), half the Rx angles in radians.

    Returns:
        (..., 2^n), first qubit most significant.
    """
    return _kron(torch.stack([half_angles.cos(), half_angles.sin()], dim=-1))


def encoding_phases(num_qubits: int) -> npt.NDArray[np.complex128]:
    """(-i)^popcount for each basis state."""
    popcount = np.array([bin(k).count("1") for k in range(2**num_qubits)])
    return (-1j) ** popcount


def _kron(factors: Tensor) -> Tensor:
    """(..., n, d) -> (..., d^n), joining neighbours first so that few products are needed."""
    n = factors.shape[-2]
    if n == 1:
        return factors[..., 0, :]
    if n % 2:
        return _outer(_kron(factors[..., :-1, :]), factors[..., -1, :])
    return _kron(_outer(factors[..., 0::2, :], factors[..., 1::2, :]))


def _outer(left: Tensor, right: Tensor) -> Tensor:
    return (left.unsqueeze(-1) * right.unsqueeze(-2)).flatten(-2)
