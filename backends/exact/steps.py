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


def permuted(state: Tensor, axes: Sequence[int]) -> Tensor:
    """States (..., 2^n, B) with the qubit that is k-th afterwards taken from place ``axes[k]``."""
    lead = state.dim() - 2
    tensor = state.reshape(*state.shape[:-2], *[2] * len(axes), state.shape[-1])
    tensor = tensor.permute(*range(lead), *(lead + axis for axis in axes), lead + len(axes))
    return tensor.reshape(state.shape)


class View:
    """A state as a step sees it, and back.

    Args:
        place: where the step finds its qubits.
    """

    def __init__(self, place: Place) -> None:
        self._axes, self._axes_back = place.axes, np.argsort(place.axes).tolist()
        self._shape = (2**place.start, 2 ** len(place.qubits), -1)

    def enter(self, state: Tensor) -> Tensor:
        """(..., 2^n, B) as it comes -> (..., before, D, after, B)."""
        return self.after(permuted(state, self._axes) if self._axes else state)

    def after(self, state: Tensor) -> Tensor:
        """(..., 2^n, B) in the order afterwards -> (..., before, D, after, B)."""
        return state.reshape(*state.shape[:-2], *self._shape, state.shape[-1])

    def leave_back(self, tensor: Tensor) -> Tensor:
        """(..., before, D, after, B) -> (..., 2^n, B) in the order before."""
        state = tensor.reshape(*tensor.shape[:-4], -1, tensor.shape[-1])
        return permuted(state, self._axes_back) if self._axes else state


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
        self.gates = local_gates(group.operations, self.place.qubits)

    def apply(self, state: Tensor, matrix: Tensor | None) -> Tensor:
        """Apply (G, 1 or B, D, D) to complex (G, 2^n, B)."""
        assert matrix is not None, "only monomial steps do without"
        tensor = self._view.enter(state)
        return self._gathered(matrix @ self._spread(tensor), tensor).reshape(state.shape)

    def undo(self, pair: Tensor, matrix: Tensor | None) -> tuple[Tensor, Tensor]:
        """Go back.

        Args:
            pair: state and gradient after the step, (2, G, 2^n, B).
            matrix: as in `apply`.

        Returns:
            State and gradient before it, and the conjugate of the gradient in the matrix.
        """
        assert matrix is not None, "only monomial steps do without"
        tensor = self._view.after(pair)
        after = self._spread(tensor)
        before = matrix.mH @ after
        in_matrix = after[1] @ before[0].mH
        if not self.per_row:
            in_matrix = in_matrix.sum(1, keepdim=True)
        return self._view.leave_back(self._gathered(before, tensor)), in_matrix.conj()

    def _spread(self, tensor: Tensor) -> Tensor:
        """(..., G, before, D, after, B) -> (..., G, before or B, D, what is alike to the matrix)."""
        if self.per_row:
            tensor = tensor.movedim(-1, -4).transpose(-3, -2)  # (..., G, B, D, before, after)
        if self.real:
            tensor = torch.view_as_real(tensor).flatten(-2)
        return tensor.flatten(-2)

    def _gathered(self, spread: Tensor, like: Tensor) -> Tensor:
        """The reverse of `_spread`."""
        if self.real:
            return torch.view_as_complex(spread.reshape(*like.shape, 2))
        if not self.per_row:
            return spread.reshape(like.shape)
        *lead, before, _, after, _ = like.shape
        split = spread.reshape(*lead, like.shape[-1], -1, before, after)
        return split.transpose(-3, -2).movedim(-4, -1).contiguous()


def local_gates(operations: Sequence[Operation], qubits: Sequence[int]) -> list[FusedGate]:
    """Operations as gates on a register of some qubits."""
    position = {qubit: k for k, qubit in enumerate(qubits)}
    gates = []
    for operation in operations:
        if isinstance(operation, Fixed):
            local = replace(operation, qubits=tuple(position[q] for q in operation.qubits))
            gates.append(fixed_gate(local, len(qubits)))
        else:
            targets = tuple(position[q] for q in operation.targets)
            controls = tuple(position[q] for q in operation.controls)
            gates.append(rotation_gate(replace(operation, targets=targets, controls=controls), len(qubits)))
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
        tensor = self._view.enter(state)
        if self._source is not None:
            tensor = tensor.index_select(-3, self._source.like(tensor))
        if phases is not None:
            tensor = tensor * phases[:, None, :, None]
        return tensor.reshape(state.shape)

    def undo(self, pair: Tensor, phases: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Go back.

        Args:
            pair: state and gradient after the step, (2, G, 2^n, B).
            phases: as in `apply`.

        Returns:
            State and gradient before it, and the gradient in the phases' angles, real (G, D, 1 or B).
        """
        tensor, in_phases = self._view.after(pair), None
        if self.angles:
            slopes = tensor[0].conj() * tensor[1]
            slopes = slopes.sum((1, 3)) if self.per_row else slopes.sum((1, 3, 4)).unsqueeze(-1)
            in_phases = slopes.imag
        if phases is not None:
            tensor = tensor * phases.conj()[:, None, :, None]
        if self._source is not None:
            tensor = tensor.index_select(-3, self._target.like(tensor))
        return self._view.leave_back(tensor), in_phases

    def rename(self, distribution: Tensor) -> Tensor:
        """What the step does to the probabilities of basis states, (G, 2^n, B)."""
        tensor = self._view.enter(distribution)
        if self._source is not None:
            tensor = tensor.index_select(-3, self._source.like(tensor))
        return tensor.reshape(distribution.shape)

    def pull_rename(self, gradient: Tensor) -> Tensor:
        """Gradient in what `rename` gives, to that in what it takes."""
        tensor = self._view.after(gradient)
        if self._source is not None:
            tensor = tensor.index_select(-3, self._target.like(tensor))
        return self._view.leave_back(tensor)


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
