"""The steps that the dense method takes: matrices on a few qubits, and monomial gates on many.

States are complex (G, 2^n, B). With the rows last, a matrix that all of them share is one matrix product
with long rows, wherever its qubits are, and an index moves whole rows. A step sees the state as
(G, before, D, after, B), D for its own qubits; where these are no neighbours in the state's order, it first
brings them to the front, and leaves them there.

Every step can be undone. Backwards, the state and the gradient in it are undone together, and give the
gradient in what the step was made of. Like the gradients of `word_table`, that in a matrix is conjugated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backends.circuits.program import Fixed, Operation, Rotation
from backends.exact.constants import Constant
from backends.exact.fusion import FusedGate, fixed_gate, rotation_gate
from backends.exact.grouping import Group, Kind, Place


class View:
    """A state as a step sees it.

    Args:
        place: where the step finds its qubits.

    Attributes:
        before: states of the qubits before them.
        size: of the step's qubits.
        after: of the qubits after them.
    """

    def __init__(self, place: Place) -> None:
        self._axes, self._axes_back = place.axes, np.argsort(place.axes).tolist()
        self.before, self.size = 2**place.start, 2 ** len(place.qubits)
        self.after = 2 ** (len(place.order) - place.start - len(place.qubits))

    def enter(self, state: Tensor) -> Tensor:
        """(..., 2^n, B) as it comes -> in the order afterwards."""
        return permuted(state, self._axes) if self._axes else state

    def leave_back(self, state: Tensor) -> Tensor:
        """(..., 2^n, B) in the order afterwards -> as it came."""
        return permuted(state, self._axes_back) if self._axes else state

    def split(self, state: Tensor) -> Tensor:
        """(..., 2^n, B) -> (..., before, D, after, B)."""
        return state.reshape(*state.shape[:-2], self.before, self.size, self.after, state.shape[-1])

    def select(self, state: Tensor, index: Constant) -> Tensor:
        """(..., 2^n, B), each amplitude that at an index of the step's qubits."""
        flat = state.reshape(-1, self.size, self.after * state.shape[-1])
        return flat.index_select(1, index.like(state)).reshape(state.shape)


def permuted(state: Tensor, axes: Sequence[int]) -> Tensor:
    """States (..., 2^n, B) with the qubit that is k-th afterwards taken from place ``axes[k]``."""
    lead = state.dim() - 2
    tensor = state.reshape(*state.shape[:-2], *[2] * len(axes), state.shape[-1])
    tensor = tensor.permute(*range(lead), *(lead + axis for axis in axes), lead + len(axes))
    return tensor.reshape(state.shape)


class MatrixStep:
    """Gates multiplied together to a matrix.

    Args:
        group: what is applied.
        order: the qubits of the state, most significant first.

    Attributes:
        place: where.
        gates: on the step's own qubits, first applied first.
        per_row: whether every row has a matrix of its own.
        real: whether the matrices are handed in as real ones.
    """

    def __init__(self, group: Group, order: Sequence[int]) -> None:
        self.place = group.place(order)
        self._view = View(self.place)
        self.per_row = group.kind is Kind.PER_ROW
        self.real = not self.per_row and group.real
        self.gates = local_gates(group.operations, self.place.qubits, len(self.place.qubits))

    def apply(self, state: Tensor, matrix: Tensor | None) -> Tensor:
        """Apply (G, 1 or B, D, D) to complex (G, 2^n, B)."""
        columns = self._columns(self._view.enter(state))
        return self._state(torch.bmm(self._repeated(matrix, 1), columns), state.shape)

    def undo(self, pair: Tensor, matrix: Tensor | None) -> tuple[Tensor, Tensor]:
        """Go back.

        Args:
            pair: state and gradient after the step, (2, G, 2^n, B).
            matrix: as in `apply`.

        Returns:
            State and gradient before it, and the conjugate of the gradient in the matrix.
        """
        after = self._columns(pair)
        before = torch.bmm(self._repeated(matrix, 2).mH, after)
        half = len(after) // 2
        in_matrix = torch.bmm(after[half:], before[:half].mH)
        in_matrix = in_matrix.reshape(pair.shape[1], -1, *in_matrix.shape[1:])
        if not self.per_row:
            in_matrix = in_matrix.sum(1, keepdim=True)
        return self._view.leave_back(self._state(before, pair.shape)), in_matrix.conj()

    def _repeated(self, matrix: Tensor | None, times: int) -> Tensor:
        """(G, 1 or B, D, D) -> one for each of `_columns` of that many states a group."""
        assert matrix is not None, "only monomial steps do without"
        each = -1 if self.per_row else self._view.before
        return matrix.expand(times, -1, each, -1, -1).flatten(0, 2)

    def _columns(self, state: Tensor) -> Tensor:
        """(..., G, 2^n, B) -> (all states' before, or rows, D, what is multiplied alike)."""
        if self.per_row:
            return self._view.split(state).flatten(0, -5).permute(0, 4, 2, 1, 3).flatten(0, 1).flatten(2)
        if self.real:
            return torch.view_as_real(state).reshape(
                -1, self._view.size, 2 * self._view.after * state.shape[-1]
            )
        return state.reshape(-1, self._view.size, self._view.after * state.shape[-1])

    def _state(self, columns: Tensor, shape: torch.Size) -> Tensor:
        """The reverse of `_columns`."""
        if self.real:
            return torch.view_as_complex(columns.reshape(*shape, 2))
        if self.per_row:
            view = self._view
            split = columns.reshape(-1, shape[-1], view.size, view.before, view.after)
            columns = split.permute(0, 3, 2, 4, 1)
        return columns.reshape(shape)


def local_gates(operations: Sequence[Operation], qubits: Sequence[int], width: int) -> list[FusedGate]:
    """Operations as gates on a register of some qubits, padded with idle ones to a width."""
    position = {qubit: k for k, qubit in enumerate(qubits)}
    gates = []
    for operation in operations:
        if isinstance(operation, Fixed):
            local = replace(operation, qubits=tuple(position[q] for q in operation.qubits))
            gates.append(fixed_gate(local, width))
        else:
            targets = tuple(position[q] for q in operation.targets)
            controls = tuple(position[q] for q in operation.controls)
            gates.append(rotation_gate(replace(operation, targets=targets, controls=controls), width))
    return gates


class MonomialStep:
    """Gates that rename basis states and give them phases.

    Args:
        group: what is applied.
        order: the qubits of the state, most significant first.

    Attributes:
        place: where.
        angles: those that the phases depend on.
        per_row: whether one of them depends on the inputs.
        turns: whether there are phases at all.
    """

    def __init__(self, group: Group, order: Sequence[int]) -> None:
        self.place = group.place(order)
        self._view = View(self.place)
        size = len(self.place.qubits)
        basis = np.arange(2**size)
        bits = {qubit: size - 1 - k for k, qubit in enumerate(self.place.qubits)}
        source, phase, signs = basis, np.zeros(len(basis)), []
        self.angles: list[int] = []
        for operation in group.operations:
            if isinstance(operation, Rotation):
                signs.append(_signs(operation, basis, bits))
                self.angles.append(operation.angle)
                continue
            renamed, turned = _renaming(operation, basis, bits)
            source, phase = source[renamed], phase[renamed] + turned
            signs = [each[renamed] for each in signs]
        self.per_row = group.per_row
        self._source = None if np.array_equal(source, basis) else Constant(source)
        self._target = Constant(np.argsort(source))
        self._phase = Constant(phase[:, None])
        self.turns = bool(self.angles) or bool(np.ptp(phase))
        self._generators = Constant(-0.5 * np.array(signs).reshape(-1, len(basis)).T)

    def phases(self, angles: Tensor) -> Tensor:
        """Real (G, 1 or B, len(self.angles)), radians, to complex (G, D, 1 or B)."""
        turns = self._generators.like(angles) @ angles.mT + self._phase.like(angles)
        return torch.polar(torch.ones_like(turns), turns)

    def pull_phases(self, gradient: Tensor) -> Tensor:
        """Gradient in the phases' angles, real (G, D, 1 or B), to that in what `phases` takes."""
        return gradient.mT @ self._generators.like(gradient)

    def apply(self, state: Tensor, phases: Tensor | None) -> Tensor:
        """Apply to complex (G, 2^n, B)."""
        state = self._view.enter(state)
        if self._source is not None:
            state = self._view.select(state, self._source)
        return state if phases is None else self._turned(state, phases)

    def undo(self, pair: Tensor, phases: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Go back.

        Args:
            pair: state and gradient after the step, (2, G, 2^n, B).
            phases: as in `apply`.

        Returns:
            State and gradient before it, and the gradient in the phases' angles, real (G, D, 1 or B).
        """
        in_phases = None
        if self.angles:
            slopes = self._view.split(pair[0].conj() * pair[1])
            slopes = slopes.sum((1, 3)) if self.per_row else slopes.sum((1, 3, 4)).unsqueeze(-1)
            in_phases = slopes.imag
        if phases is not None:
            pair = self._turned(pair, phases.conj())
        return self.pull_rename(pair), in_phases

    def _turned(self, state: Tensor, phases: Tensor) -> Tensor:
        return (self._view.split(state) * phases[:, None, :, None]).reshape(state.shape)

    def rename(self, distribution: Tensor) -> Tensor:
        """What the step does to the probabilities of basis states, (G, 2^n, B)."""
        return self.apply(distribution, None)

    def pull_rename(self, gradient: Tensor) -> Tensor:
        """Gradient in what `rename` gives, (..., 2^n, B), to that in what it takes."""
        if self._source is not None:
            gradient = self._view.select(gradient, self._target)
        return self._view.leave_back(gradient)


Step = MatrixStep | MonomialStep
Indices = npt.NDArray[np.int64]


def _signs(rotation: Rotation, basis: Indices, bits: dict[int, int]) -> npt.NDArray[np.float64]:
    """The eigenvalues of a diagonal rotation's generator in the basis states; 0 where a control is off."""
    signs = np.ones(len(basis))
    for target in rotation.targets:
        signs *= 1 - 2 * ((basis >> bits[target]) & 1)
    for control in rotation.controls:
        signs *= (basis >> bits[control]) & 1
    return signs


def _renaming(
    operation: Fixed, basis: Indices, bits: dict[int, int]
) -> tuple[Indices, npt.NDArray[np.float64]]:
    """For each basis state the one whose amplitude it takes, and by which angle that is turned."""
    places = [bits[qubit] for qubit in operation.qubits][::-1]  # the gate's least significant bit first
    row = sum(((basis >> place) & 1) << k for k, place in enumerate(places))
    columns = np.argmax(np.abs(operation.matrix), axis=1)
    column = columns[row]
    others = basis & ~sum(1 << place for place in places)
    source = others | sum(((column >> k) & 1) << place for k, place in enumerate(places))
    angles = np.angle(operation.matrix[np.arange(len(columns)), columns])
    return source, angles[row]
