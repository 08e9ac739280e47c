"""Exact simulation with all 2^n amplitudes, for any circuit.

Neighbouring gates are fused into blocks of a few qubits; each block is one matrix product over the whole
batch. The gradient runs the circuit backwards (the adjoint method; Jones and Gacon, arXiv:2009.02823):
blocks are unitary, so every earlier state is recovered by undoing them, and only the last one is kept.
Gates that read an input after the leading Rx layer have one matrix a row.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backends.circuits.program import AffineMap, Fixed, Operation, Rotation
from backends.circuits.structure import Component
from backends.exact.constants import Constant
from backends.exact.encoding import encoding_phases, half_angles, product_state, split_encoding, with_sines
from backends.exact.fusion import absorb_constants, fixed_gate, rotation_gate, words
from backends.exact.word_table import WordTable
from backends.gradients.autograd import Pullback, traced

BLOCK_QUBITS = 4
"""Largest support of a fused block; a larger operation is a block of its own."""
STATES_HELD = 6
"""State vectors alive at the height of a pass, with copies in another order of qubits."""


class DenseState:
    """Simulates components of one shape with full state vectors.

    Args:
        circuits: components that differ only in their angles.
        angles: the program's affine map.
    """

    def __init__(self, circuits: Sequence[Component], angles: AffineMap) -> None:
        component = circuits[0]
        leading, operations = split_encoding(component)
        self.num_circuits = len(circuits)
        self.num_qubits = self.width = len(component.qubits)
        self.registers = [list(range(self.num_qubits))]
        self.encoding = with_sines(half_angles(range(self.num_qubits), leading, circuits, angles))
        self.phases = Constant(np.stack([(p := encoding_phases(self.num_qubits)).real, p.imag], axis=-1))
        reads = [bool(np.any(angles.inputs_matrix[row])) for row in component.angles]
        self.blocks = [
            Block(qubits, block, circuits, angles, per_row)
            for qubits, block, per_row in fuse(operations, reads)
        ]

    @staticmethod
    def row_cost(component: Component, angles: AffineMap) -> float:
        """Complex multiplications a row."""
        _, operations = split_encoding(component)
        reads = [bool(np.any(angles.inputs_matrix[row])) for row in component.angles]
        size = 2 ** len(component.qubits)
        return float(sum(size * (2 ** len(qubits) + 4) for qubits, _, _ in fuse(operations, reads)))

    @staticmethod
    def row_bytes(component: Component) -> int:
        """Bytes that one row takes at least, in single precision."""
        return STATES_HELD * 2 ** len(component.qubits) * 8

    @property
    def row_size(self) -> int:
        """Complex numbers a row that are held at once."""
        return self.num_circuits * STATES_HELD * 2**self.num_qubits

    def expectations(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Exact <Z> of every qubit of the component: (G * num_circuits, B, num_qubits).

        Args:
            inputs: (G, B, num_inputs), radians.
            weights: (G, num_weights), radians.
        """
        return z_expectations(_probabilities(self.amplitudes(inputs, weights)))

    def plain(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """`expectations` in torch operations, which autograd can follow to any order."""
        return z_expectations(_probabilities(self._plain_amplitudes(inputs, weights)))

    def with_pullback(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Pullback]:
        """`expectations`, and what takes their gradient to those of inputs and weights."""
        return traced(self.expectations, inputs, weights)

    def amplitudes(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """The state vector, complex (G * num_circuits, B, 2^num_qubits), first qubit most significant."""
        state, matrices = self._encoded(inputs, weights)
        supports = tuple(block.qubits for block in self.blocks)
        return _Evolve.apply(self.num_qubits, supports, state, *matrices)

    def tensors(self, inputs: Tensor, weights: Tensor, *, plain: bool) -> list[Tensor]:
        """The state as a chain of one register, complex (G * num_circuits * B, 1, 1, 2^num_qubits).

        Args:
            inputs: as in `expectations`.
            weights: as in `expectations`.
            plain: whether autograd has to follow to any order, which takes more memory.
        """
        state = (self._plain_amplitudes if plain else self.amplitudes)(inputs, weights)
        return [state.flatten(0, 1)[:, None, None]]

    def _plain_amplitudes(self, inputs: Tensor, weights: Tensor) -> Tensor:
        state, matrices = self._encoded(inputs, weights)
        for block, matrix in zip(self.blocks, matrices, strict=True):
            state = apply_block(state, matrix, block.qubits, self.num_qubits)
        return state

    def _encoded(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The product state of the leading Rx gates, and the matrices of the blocks."""
        groups, rows = inputs.shape[:2]
        qubits = self.encoding.of_rows(inputs, weights).cos().reshape(groups, rows, self.num_circuits, -1, 2)
        encoded = product_state(qubits.transpose(1, 2)).flatten(0, 1)
        state = encoded * torch.view_as_complex(self.phases.like(inputs))
        return state, [block.matrices(inputs, weights) for block in self.blocks]


class Block:
    """A few gates fused into one matrix on a few qubits.

    Args:
        qubits: what it acts on, positions in the component.
        operations: its gates, first applied first.
        circuits: components of one shape.
        angles: the program's affine map.
        per_row: whether its angles read the inputs, so that every row has a matrix of its own.
    """

    def __init__(
        self,
        qubits: tuple[int, ...],
        operations: Sequence[Operation],
        circuits: Sequence[Component],
        angles: AffineMap,
        per_row: bool,
    ) -> None:
        self.qubits = qubits
        self.per_row = per_row
        position = {qubit: k for k, qubit in enumerate(qubits)}
        gates = []
        for operation in operations:
            if isinstance(operation, Fixed):
                local = replace(operation, qubits=tuple(position[q] for q in operation.qubits))
                gates.append(fixed_gate(local, len(qubits)))
            else:
                targets = tuple(position[q] for q in operation.targets)
                controls = tuple(position[q] for q in operation.controls)
                gates.append(
                    rotation_gate(replace(operation, targets=targets, controls=controls), len(qubits))
                )
        self.table = WordTable(words(absorb_constants(gates)), [c.angles for c in circuits], angles)

    def matrices(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Complex (G * num_circuits, 1, d, d), or (..., B, d, d) if the block reads the inputs."""
        table = self.table
        if not self.per_row:
            return _in_sequence(table(weights)[0]).unsqueeze(1)
        angles = table.angles.of_rows(inputs, weights)
        matrices = _in_sequence(table.products(angles.flatten(0, 1))[0])
        return matrices.unflatten(0, (*angles.shape[:2], -1)).transpose(1, 2).flatten(0, 1)


def _in_sequence(words: Tensor) -> Tensor:
    """(G, d, W, d), first applied first -> (G, d, d)."""
    return functools.reduce(lambda earlier, later: later @ earlier, words.unbind(2))


def fuse(
    operations: Sequence[Operation], reads_inputs: Sequence[bool]
) -> Iterator[tuple[tuple[int, ...], list[Operation], bool]]:
    """Group operations into blocks of at most `BLOCK_QUBITS` qubits.

    An operation joins the latest block it can move to: one that holds all operations on its qubits since,
    has room, and is of the same kind (per row or shared).

    Args:
        operations: first applied first.
        reads_inputs: for each angle of the component, whether it depends on the inputs.

    Yields:
        Qubits, operations and whether the block is per row.
    """
    blocks: list[tuple[set[int], list[Operation], bool]] = []
    for operation in operations:
        qubits = set(operation.qubits)
        per_row = isinstance(operation, Rotation) and reads_inputs[operation.angle]
        for support, members, kind in reversed(blocks):
            if kind == per_row and len(support | qubits) <= max(BLOCK_QUBITS, len(qubits)):
                support |= qubits
                members.append(operation)
                break
            if support & qubits:
                blocks.append((qubits, [operation], per_row))
                break
        else:
            blocks.append((qubits, [operation], per_row))
    for support, members, kind in blocks:
        yield tuple(sorted(support)), members, kind


def _probabilities(state: Tensor) -> Tensor:
    return torch.view_as_real(state).square().sum(-1)


def z_expectations(probabilities: Tensor) -> Tensor:
    """<Z_i> of every qubit, (..., n), from the distribution (..., 2^n) with qubit 0 most significant."""
    values = []
    while (half := probabilities.shape[-1] // 2) > 0:
        zero, one = probabilities[..., :half], probabilities[..., half:]
        values.append((zero - one).sum(-1))
        probabilities = zero + one
    return torch.stack(values, dim=-1)


def apply_block(state: Tensor, matrix: Tensor, qubits: Sequence[int], num_qubits: int) -> Tensor:
    """Apply complex (G, 1 or B, d, d) matrices on some qubits to states (G, B, 2^n)."""
    tensor, rest = _to_front(state, qubits, num_qubits)
    tensor = matrix @ tensor
    return _from_front(tensor, qubits, rest, num_qubits)


def _to_front(state: Tensor, qubits: Sequence[int], num_qubits: int) -> tuple[Tensor, list[int]]:
    """(G, B, 2^n) -> (G, B, d, 2^n / d) with the chosen qubits as the first of the two axes."""
    rest = [q for q in range(num_qubits) if q not in qubits]
    axes = [2 + q for q in (*qubits, *rest)]
    tensor = state.unflatten(-1, [2] * num_qubits).permute(0, 1, *axes)
    return tensor.reshape(*state.shape[:2], 2 ** len(qubits), -1), rest


def _from_front(tensor: Tensor, qubits: Sequence[int], rest: Sequence[int], num_qubits: int) -> Tensor:
    axes = 2 + np.argsort([*qubits, *rest])
    shaped = tensor.reshape(*tensor.shape[:2], *[2] * num_qubits)
    return shaped.permute(0, 1, *axes.tolist()).reshape(*tensor.shape[:2], -1)


class _Evolve(torch.autograd.Function):
    """The product of all blocks on a state, differentiated by running it backwards."""

    @staticmethod
    def forward(ctx: Any, num_qubits: int, qubits: Any, state: Tensor, *matrices: Tensor) -> Tensor:
        for where, matrix in zip(qubits, matrices, strict=True):
            state = apply_block(state, matrix, where, num_qubits)
        ctx.num_qubits, ctx.qubits = num_qubits, qubits
        ctx.save_for_backward(state, *matrices)
        return state

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        state, *matrices = ctx.saved_tensors
        (gradient,) = gradients
        n = ctx.num_qubits
        matrix_gradients: list[Tensor | None] = []
        for where, matrix in zip(reversed(ctx.qubits), reversed(matrices), strict=True):
            undo = matrix.mH
            state = apply_block(state, undo, where, n)
            before, _ = _to_front(state, where, n)
            after, rest = _to_front(gradient, where, n)
            per_row = after @ before.mH
            matrix_gradients.append(per_row if matrix.shape[1] > 1 else per_row.sum(1, keepdim=True))
            gradient = _from_front(undo @ after, where, rest, n)
        return None, None, gradient, *reversed(matrix_gradients)
