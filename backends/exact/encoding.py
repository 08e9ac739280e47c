"""The product state that the leading Rx gates prepare.

``Rx(a)|0> = cos(a/2)|0> - i sin(a/2)|1>``: but for the constant phase (-i)^popcount the encoded state is
a product of real 2-vectors, so it is formed in real arithmetic and the phase goes into the next gate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
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
    """Half angles of the encoding, one slot for each (circuit, qubit).

    Args:
        order: qubits of the component in the order of the result; None or a qubit without Rx stays |0>.
        leading: from `split_encoding`.
        circuits: components of one shape.
        angles: the program's map.
    """
    positions = [leading.get(q) if q is not None else None for q in order]
    rows = [None if p is None else circuit.angles[p] for circuit in circuits for p in positions]
    return HalfAngles(angles.take(rows))


def product_state(qubits: Tensor) -> Tensor:
    """Real amplitudes of a product of encoded qubits, without the phases.

    Args:
        qubits: (..., n, 2), cosine and sine of half of each Rx angle.

    Returns:
        (..., 2^n), first qubit most significant.
    """
    state, *others = qubits.unbind(-2)
    for qubit in others:
        state = (state.unsqueeze(-1) * qubit.unsqueeze(-2)).flatten(-2)
    return state


def encoding_phases(num_qubits: int) -> npt.NDArray[np.complex128]:
    """(-i)^popcount for each basis state."""
    popcount = np.array([bin(k).count("1") for k in range(2**num_qubits)])
    return (-1j) ** popcount
