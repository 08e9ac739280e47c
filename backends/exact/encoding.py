"""The product state that the leading Rx gates prepare.

``Rx(a)|0> = cos(a/2)|0> - i sin(a/2)|1>``: but for the constant phase (-i)^popcount the encoded state is
a product of real 2-vectors, so it is formed in real arithmetic and the phase goes into the next gate.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backends.circuits.program import AffineMap, Operation, Rotation
from backends.circuits.structure import Component
from backends.exact.angles import Angles
from backends.exact.constants import Constant


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


def half_angles(
    order: Sequence[int | None], leading: dict[int, int], circuits: Sequence[Component], angles: AffineMap
) -> AffineMap:
    """Half of the angle of each leading Rx, one row for each (circuit, qubit).

    Args:
        order: qubits of the component in the order of the result; None or a qubit without Rx stays |0>.
        leading: from `split_encoding`.
        circuits: components of one shape.
        angles: the program's map.
    """
    positions = [leading.get(q) if q is not None else None for q in order]
    rows = [None if p is None else circuit.angles[p] for circuit in circuits for p in positions]
    return angles.take(rows).scaled(np.full(len(rows), 0.5))


def with_sines(half: AffineMap) -> Angles:
    """Each angle twice, the second time less pi/2, so that one cosine gives cosines and sines."""
    twice = half.take([row for row in range(len(half.offset)) for _ in range(2)])
    return Angles(twice.scaled(np.ones(len(twice.offset)), np.tile([0.0, -np.pi / 2], len(half.offset))))


class RegisterStates:
    """The encoded product state of each register of a chain.

    Args:
        parts: the qubits of each register.
        leading: from `split_encoding`.
        circuits: components of one shape.
        angles: the program's map.
    """

    def __init__(
        self,
        parts: Sequence[Sequence[int]],
        leading: dict[int, int],
        circuits: Sequence[Component],
        angles: AffineMap,
    ) -> None:
        width = max(len(part) for part in parts)
        padded = [qubit for part in parts for qubit in [*part, *[None] * (width - len(part))]]
        self.shape = (len(circuits), len(parts), width)
        half = half_angles(padded, leading, circuits, angles)
        self.half_angles, self.with_sines = Angles(half), with_sines(half)
        self.turns = Constant(half_turns(width))

    def __call__(
        self, inputs: Tensor, weights: Tensor
    ) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, Tensor | None]]]:
        """Real amplitudes (register, G * num_circuits, B, 2^width), without the phases.

        Registers with fewer qubits are padded with idle ones at the end. Also returned: what takes the
        gradient in them to those in inputs (G, B, num_inputs) and weights (G, num_weights); None for the
        weights if no state depends on them.
        """
        groups, rows = inputs.shape[:2]
        qubits = self.with_sines.of_rows(inputs, weights).cos().reshape(groups, rows, *self.shape, 2)
        states = product_state(qubits.permute(3, 0, 2, 1, 4, 5).contiguous()).flatten(1, 2)

        def pull(gradient: Tensor) -> tuple[Tensor, Tensor | None]:
            *leading, size = states.shape
            slopes = torch.mm(states.reshape(-1, size), self.turns.like(states))
            in_angles = torch.bmm(slopes.reshape(-1, self.shape[-1], size), gradient.reshape(-1, size, 1))
            ordered = in_angles.reshape(leading[0], groups, -1, rows, self.shape[-1]).permute(1, 3, 2, 0, 4)
            return self.half_angles.pull_rows(ordered.flatten(2))

        return states, pull


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
    return functools.reduce(np.kron, [np.array([1, -1j])] * num_qubits, np.ones(1, dtype=complex))


def half_turns(num_qubits: int) -> npt.NDArray[np.float64]:
    """What a product state becomes when half of one Rx angle grows by pi/2: its derivative in that angle.

    Returns:
        (2^n, n * 2^n): a state (as `product_state` gives it) times this holds the derivatives in all n
        half angles, one after another.
    """
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])  # (cos, sin) -> (-sin, cos)
    around = [(np.eye(2**k), np.eye(2 ** (num_qubits - k - 1))) for k in range(num_qubits)]
    return np.concatenate([np.kron(np.kron(left, turn), right) for left, right in around], axis=1)
