"""Exact simulation as a chain of small registers.

A component whose interaction graph falls into small registers at its bridges (`structure.registers`)
never needs its 2^n amplitudes. Every gate across a bridge is a sum over two branches, a projector on one
side and a conditional gate on the other, so after all gates the state is exactly

    sum over branches b1, b2, ... of  R1[b1] (x) R2[b1, b2] (x) R3[b2] ...

with one tensor a register: a matrix-product state whose bonds count branches, 2^(gates across the
bridge), nothing truncated. Because the data enters only through the leading Rx gates, the operator that
takes a register's product state to all its branches is the same for the whole batch: it is formed once
(`fusion`), and one matrix product applies it to every row. <Z> then needs only the overlaps of the
neighbouring registers. A component of few qubits is a chain of one register.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..program import AffineMap, Fixed, Operation, Rotation
from ..structure import Component, control_of, registers
from .constants import Constant
from .encoding import encoding_angles, encoding_phases, product_state, split_encoding
from .fusion import (
    FusedGate,
    Word,
    WordTable,
    absorb_constants,
    conditional,
    conditional_fixed,
    fixed_gate,
    projectors,
    rotation_gate,
    words,
)

MAX_REGISTER_QUBITS = 5
"""Larger registers would cost more to fuse than to simulate gate by gate."""


class RegisterChain:
    """Simulates components of one shape, all rows and all weight sets at once.

    Args:
        circuits: components that differ only in their angles.
        angles: the program's affine map.
    """

    def __init__(self, circuits: Sequence[Component], angles: AffineMap) -> None:
        component = circuits[0]
        leading, operations = split_encoding(component)
        parts = registers(component)
        self.num_circuits = len(circuits)
        self.order = [qubit for part in parts for qubit in part]
        self.sizes = [len(part) for part in parts]
        self.width = max(self.sizes)
        padded = [qubit for part in parts for qubit in [*part, *[None] * (self.width - len(part))]]
        self.encoding = encoding_angles(padded, leading, circuits, angles)
        gates, bridges = split_gates(operations, parts, self.width)
        self.bond_links = [
            [k for k, bridge in enumerate(bridges) if bridge == b] for b in range(len(parts) - 1)
        ]
        self.words = [words(absorb_constants(register)) for register in gates]
        table = [word for register in self.words for word in register]
        self.table = WordTable(table, [circuit.angles for circuit in circuits], angles)
        bonds = [1, *(2 ** len(links) for links in self.bond_links), 1]
        self.signs = [
            Constant(_z_signs(self.width, size, left * right))
            for size, (left, right) in zip(self.sizes, itertools.pairwise(bonds), strict=True)
        ]

    @staticmethod
    def row_cost(component: Component, angles: AffineMap) -> float:
        """Complex multiplications a row, infinite where the method does not apply."""
        _, operations = split_encoding(component)
        parts = registers(component)
        width = max(len(part) for part in parts)
        if width > MAX_REGISTER_QUBITS or _reads_inputs(operations, component, angles):
            return float("inf")
        bonds = [1, *_bond_sizes(operations, parts), 1]
        sides = list(itertools.pairwise(bonds))
        operators = sum(left * right * 4**width for left, right in sides)
        overlaps = sum(2 * left * right * (left + right) * 2**width for left, right in sides)
        return float(operators + overlaps)

    def expectations(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Exact <Z> of every qubit of the component.

        Args:
            inputs: (G, B, num_inputs), radians.
            weights: (G, num_weights), radians.

        Returns:
            (G * num_circuits, B, num_qubits).
        """
        tensors = self._register_tensors(inputs, weights)
        overlaps = _marginal_overlaps(tensors)
        values = [
            overlap.flatten(2) @ signs.like(overlap)
            for overlap, signs in zip(overlaps, self.signs, strict=True)
        ]
        joined = values[0] if len(values) == 1 else torch.cat(values, dim=-1)
        return joined if self.order == sorted(self.order) else joined[..., np.argsort(self.order)]

    def amplitudes(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """The state vector, complex (G * num_circuits, B, 2^num_qubits), first qubit most significant."""
        tensors = self._register_tensors(inputs, weights)
        groups, rows = tensors[0].shape[:2]
        state = tensors[0].new_ones((groups, rows, 1, 1))  # (.., bond, qubits so far)
        for tensor, size in zip(tensors, self.sizes, strict=True):
            tensor = tensor[..., :: 2 ** (self.width - size)]  # idle padding qubits stay |0>
            state = torch.einsum("gbli,gblrj->gbrij", state, tensor).flatten(-2)
        state = state.reshape(groups, rows, *[2] * len(self.order))
        return state.permute(0, 1, *(2 + np.argsort(self.order))).reshape(groups, rows, -1)

    def _register_tensors(self, inputs: Tensor, weights: Tensor) -> list[Tensor]:
        """One complex (G', B, left bond, right bond, 2^width) tensor a register."""
        groups, rows = inputs.shape[:2]
        qubits = self.encoding.of_rows(inputs, weights)
        qubits = qubits.reshape(groups, rows, self.num_circuits, len(self.sizes), self.width, 2)
        states = product_state(qubits.permute(3, 0, 2, 1, 4, 5)).flatten(1, 2)  # (register, G', B, d)
        matrices = self.table(weights)
        return [
            _apply(operator, state) for operator, state in zip(self._operators(matrices), states, strict=True)
        ]

    def _operators(self, matrices: Tensor) -> Iterator[Tensor]:
        """Each register's words multiplied out: complex (G', d in, left bond, right bond, d out)."""
        first = 0
        for r, register in enumerate(self.words):
            starts = self.table.starts[first : first + len(register) + 1]
            first += len(register)
            steps = [matrices[:, a:b] for a, b in itertools.pairwise(starts)]
            operator, links = multiply_words(register, steps)
            left = self.bond_links[r - 1] if r > 0 else []
            right = self.bond_links[r] if r < len(self.bond_links) else []
            axes = [2 + links.index(link) for link in left + right]
            operator = operator.permute(0, -1, *axes, 1)
            yield operator.reshape(len(operator), operator.shape[1], 2 ** len(left), 2 ** len(right), -1)


def multiply_words(register: Sequence[Word], steps: Sequence[Tensor]) -> tuple[Tensor, list[int]]:
    """Multiply the words of one register, first applied first.

    Args:
        register: the words.
        steps: for each the complex matrices (G, branches, d, d).

    Returns:
        (G, d out, 2, ..., 2, d in) with one axis of two branches for each link, and the links of those axes.
    """
    links: list[int] = []
    operator = steps[0].new_zeros(0)
    for k, (word, step) in enumerate(zip(register, steps, strict=True)):
        groups, branches, d, _ = step.shape
        if k == 0:
            operator = step.transpose(1, 2)
        elif word.link in links:  # the branch is chosen already: apply its own matrix to each
            axis = 2 + links.index(word.link)
            moved = operator.movedim(axis, 1)
            operator = (step @ moved.flatten(3)).reshape(moved.shape).movedim(1, axis)
            continue
        else:
            product = torch.bmm(step.reshape(groups, branches * d, d), operator.reshape(groups, d, -1))
            operator = product.reshape(groups, branches, d, -1).transpose(1, 2)
        links = links if word.link is None else [word.link, *links]
        operator = operator.reshape(groups, d, *[2] * len(links), d)
    return operator, links


def split_gates(
    operations: Sequence[Operation], parts: Sequence[Sequence[int]], width: int
) -> tuple[list[list[FusedGate]], list[int]]:
    """Give every gate to its register, and take the gates between registers apart.

    Consecutive gates with the same control across the same bridge share one link, so that CRZ then CRX
    on a pair double the bond once.

    Returns:
        The gates of each register, beginning with the phases of the encoding, and for each link its bridge.
    """
    where = {qubit: (r, k) for r, part in enumerate(parts) for k, qubit in enumerate(part)}
    gates = [[fixed_gate(Fixed(np.diag(encoding_phases(width)), tuple(range(width))), width)] for _ in parts]
    bridges: list[int] = []
    open_links: dict[int, tuple[int, str, int]] = {}  # bridge -> control qubit, its Pauli basis, link
    for operation in operations:
        owners = {where[qubit][0] for qubit in operation.qubits}
        if len(owners) == 1:
            _close(open_links, operation.qubits)
            gates[owners.pop()].append(_local_gate(operation, where, width))
            continue
        projected, basis = _projected_side(operation)
        control, target = operation.qubits[projected], operation.qubits[1 - projected]
        bridge = min(owners)
        _close(open_links, [target])
        _close(open_links, [control], keep=basis)
        if open_links.get(bridge, ())[:2] != (control, basis):
            open_links[bridge] = (control, basis, len(bridges))
            bridges.append(bridge)
            register, position = where[control]
            gates[register].append(projectors(basis, position, width, open_links[bridge][2]))
        register, position = where[target]
        gates[register].append(
            _conditional_gate(operation, projected, position, width, open_links[bridge][2])
        )
    return gates, bridges


def _close(open_links: dict[int, tuple[int, str, int]], qubits: Sequence[int], keep: str = "") -> None:
    """A gate on its control ends a link, unless it is diagonal in the basis `keep` of that link."""
    for bridge, (control, basis, _) in list(open_links.items()):
        if control in qubits and basis != keep:
            del open_links[bridge]


def _projected_side(operation: Operation) -> tuple[int, str]:
    """Which of a two-qubit gate's qubits is projected, and in which Pauli basis."""
    if isinstance(operation, Rotation):
        return 0, "Z" if operation.controls else operation.pauli[0]
    control = control_of(operation)
    assert control is not None, "structure.registers cuts only controlled gates"
    return control, "Z"


def _local_gate(operation: Operation, where: dict[int, tuple[int, int]], width: int) -> FusedGate:
    if isinstance(operation, Fixed):
        return fixed_gate(replace(operation, qubits=tuple(where[q][1] for q in operation.qubits)), width)
    targets = tuple(where[q][1] for q in operation.targets)
    controls = tuple(where[q][1] for q in operation.controls)
    return rotation_gate(replace(operation, targets=targets, controls=controls), width)


def _conditional_gate(
    operation: Operation, projected: int, position: int, width: int, link: int
) -> FusedGate:
    if isinstance(operation, Rotation):
        return conditional(operation, projected, position, width, link)
    tensor = operation.matrix.reshape(2, 2, 2, 2)  # out0, out1, in0, in1
    control_first = tensor if projected == 0 else tensor.transpose(1, 0, 3, 2)
    return conditional_fixed([control_first[s, :, s] for s in (0, 1)], position, width, link)


def _apply(operator: Tensor, state: Tensor) -> Tensor:
    """Complex (G, d in, l, r, d) times real (G, B, d in): complex (G, B, l, r, d)."""
    flat = torch.view_as_real(operator).flatten(2)
    return torch.view_as_complex(torch.bmm(state, flat).unflatten(-1, (*operator.shape[2:], 2)))


def _marginal_overlaps(tensors: Sequence[Tensor]) -> list[Tensor]:
    """For each register (G, B, l, r, d, 2), whose sum over l, r and 2 is its distribution over d.

    With E the overlap matrices of everything to a register's left and right and T its tensor, the
    distribution is ``Re sum conj(E_left T) (T E_right)`` over both bonds.
    """
    return [
        torch.view_as_real(bra) * torch.view_as_real(ket)
        for bra, ket in zip(_weighted_from_left(tensors), _weighted_from_right(tensors), strict=True)
    ]


def _weighted_from_left(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Each register's tensor (G, B, l, r, d) times the overlap matrix of all registers to its left."""
    weighted = [tensors[0]]
    for tensor, following in itertools.pairwise(tensors):
        overlaps = (tensor.conj() @ weighted[-1].mT).sum(2)  # over l; (G, B, r, r)
        weighted.append((overlaps @ following.flatten(3)).view_as(following))
    return weighted


def _weighted_from_right(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The same with all registers to its right. Written apart, since neither may copy a tensor."""
    weighted = [tensors[-1]]
    for previous, tensor in itertools.pairwise(reversed(tensors)):
        overlaps = previous.flatten(3).conj() @ weighted[-1].flatten(3).mT  # (G, B, l, l)
        weighted.append(overlaps.unsqueeze(2) @ tensor)
    return weighted[::-1]


def _z_signs(width: int, num_qubits: int, num_branches: int) -> npt.NDArray[np.float64]:
    """(num_branches * 2^width * 2, num_qubits): what each overlap contributes to each <Z>."""
    bits = (np.arange(2**width)[:, None] >> np.arange(width)[::-1]) & 1
    signs = np.where(bits, -1.0, 1.0)[:, :num_qubits]
    return np.tile(np.repeat(signs, 2, axis=0), (num_branches, 1))


def _bond_sizes(operations: Sequence[Operation], parts: Sequence[Sequence[int]]) -> list[int]:
    _, bridges = split_gates(operations, parts, max(len(part) for part in parts))
    return [2 ** bridges.count(b) for b in range(len(parts) - 1)]


def _reads_inputs(operations: Sequence[Operation], component: Component, angles: AffineMap) -> bool:
    rows = [component.angles[o.angle] for o in operations if isinstance(o, Rotation)]
    return bool(np.any(angles.inputs_matrix[rows]))
