"""Exact simulation as a chain of small registers.

A component whose interaction graph falls into small registers at its bridges (`structure.registers`)
never needs its 2^n amplitudes. Every gate across a bridge is a sum over two branches, a projector on one
side and a conditional gate on the other (`links`), so after all gates the state is exactly

    sum over branches b1, b2, ... of  R1[b1] (x) R2[b1, b2] (x) R3[b2] ...

with one tensor a register: a matrix-product state whose bonds count branches, 2^(gates across the
bridge), nothing truncated. Because the data enters only through the leading Rx gates, the operator that
takes a register's product state to all its branches is the same for the whole batch: it is formed once
(`fusion`, `operators`), and one matrix product applies it to every row. <Z> then needs only the
overlaps of the neighbouring registers (`overlaps`). A component of few qubits is a chain of one register.

The gradient is written by hand, step by step the same way back (`pullback`).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backends.circuits.program import AffineMap, Operation, Rotation
from backends.circuits.structure import Component, registers
from backends.exact.constants import Constant
from backends.exact.encoding import RegisterStates, split_encoding
from backends.exact.links import bond_sizes, split_gates
from backends.exact.operators import RegisterOperators, apply_operator
from backends.exact.overlaps import distributions
from backends.gradients.autograd import Pullback

MAX_REGISTER_QUBITS = 5
"""Larger registers would cost more to fuse than to simulate gate by gate."""
TENSORS_HELD = 20
"""Tensors of the size of a register's alive at the height of a pass (`overlaps`)."""


class RegisterChain:
    """Simulates components of one shape, all rows and all weight sets at once.

    Args:
        circuits: components that differ only in their angles.
        angles: the program's affine map.
    """

    def __init__(self, circuits: Sequence[Component], angles: AffineMap) -> None:
        component = circuits[0]
        leading, operations = split_encoding(component)
        self.registers = parts = registers(component)
        self.num_circuits = len(circuits)
        self.order = [qubit for part in parts for qubit in part]
        self.sizes = [len(part) for part in parts]
        self.width = max(self.sizes)
        self.states = RegisterStates(parts, leading, circuits, angles)
        gates, bridges = split_gates(operations, parts, self.width)
        links = [[k for k, bridge in enumerate(bridges) if bridge == b] for b in range(len(parts) - 1)]
        self.operators = RegisterOperators(gates, links, circuits, angles)
        observables = _z_observables(self.order, self.sizes, self.width)  # (num_qubits, registers, 2^width)
        self.values = [
            Constant(np.tile(np.repeat(diagonal, 2, axis=1), (1, left * right)).T)  # as in `distributions`
            for diagonal, (left, right) in zip(observables.swapaxes(0, 1), self.operators.bonds, strict=True)
        ]
        # Twice, since a gradient in a complex number is twice the derivative in its conjugate.
        self.observables = Constant(2 * observables.reshape(len(self.order), -1))

    @staticmethod
    def row_cost(component: Component, angles: AffineMap) -> float:
        """Complex multiplications a row, infinite where the method does not apply."""
        _, operations = split_encoding(component)
        parts = registers(component)
        width = max(len(part) for part in parts)
        if width > MAX_REGISTER_QUBITS or _reads_inputs(operations, component, angles):
            return float("inf")
        bonds = [1, *bond_sizes(operations, parts), 1]
        sides = list(itertools.pairwise(bonds))
        operators = sum(left * right * 4**width for left, right in sides)
        overlaps = sum(2 * left * right * (left + right) * 2**width for left, right in sides)
        return float(operators + overlaps)

    @property
    def row_size(self) -> int:
        """Complex numbers a row that are held at once."""
        numbers = sum(left * right for left, right in self.operators.bonds) * 2**self.width
        return self.num_circuits * TENSORS_HELD * numbers

    def describe(self) -> str:
        """How the state is held."""
        if len(self.sizes) == 1:
            return "one register"
        bonds = ", ".join(str(right) for _, right in self.operators.bonds[:-1])
        return f"a chain of {len(self.sizes)} registers, bonds {bonds}"

    def expectations(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Exact <Z> of every qubit of the component.

        Args:
            inputs: (G, B, num_inputs), radians.
            weights: (G, num_weights), radians.

        Returns:
            (G * num_circuits, B, num_qubits).
        """
        return self.with_pullback(inputs, weights)[0]

    def plain(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """`expectations` in torch operations, which autograd can follow to any order."""
        return self.with_pullback(inputs, weights)[0]

    def with_pullback(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Pullback]:
        """`expectations`, and what takes their gradient to those of inputs and weights."""
        tensors, pull_tensors = self._register_tensors(inputs, weights)
        products, pull_products = distributions(tensors)
        first, *others = (
            torch.mm(product, constant.like(product))
            for product, constant in zip(products, self.values, strict=True)
        )
        values = functools.reduce(torch.add, others, first)

        def pullback(gradient: Tensor) -> tuple[Tensor, Tensor]:
            diagonals = torch.mm(gradient.flatten(0, 1), self.observables.like(gradient))
            return pull_tensors(pull_products(diagonals.to(tensors[0].dtype).chunk(len(tensors), dim=1)))

        return values.reshape(-1, inputs.shape[1], len(self.order)), pullback

    def amplitudes(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """The state vector, complex (G * num_circuits, B, 2^num_qubits), first qubit most significant."""
        tensors, _ = self._register_tensors(inputs, weights)
        state = tensors[0].new_ones((len(tensors[0]), 1, 1))  # (.., bond, qubits so far)
        for tensor, size in zip(tensors, self.sizes, strict=True):
            tensor = tensor[..., :: 2 ** (self.width - size)]  # idle padding qubits stay |0>
            state = torch.einsum("nli,nlrj->nrij", state, tensor).flatten(-2)
        state = state.reshape(-1, *[2] * len(self.order)).permute(0, *(1 + np.argsort(self.order)))
        return state.reshape(-1, inputs.shape[1], 2 ** len(self.order))

    def tensors(self, inputs: Tensor, weights: Tensor, *, plain: bool) -> list[Tensor]:
        """One complex (G * num_circuits * B, left bond, right bond, 2^width) tensor a register.

        Autograd can follow to any order, `plain` or not.
        """
        return self._register_tensors(inputs, weights)[0]

    def _register_tensors(
        self, inputs: Tensor, weights: Tensor
    ) -> tuple[list[Tensor], Callable[[list[Tensor]], tuple[Tensor, Tensor]]]:
        """One complex (G' * B, left bond, right bond, 2^width) tensor a register.

        And what takes the gradients in them, turned as `overlaps` gives them, to those of the arguments.
        """
        states, pull_states = self.states(inputs, weights)
        operators, pull_operators = self.operators(weights)
        tensors, pulls = zip(*map(apply_operator, operators, states), strict=True)

        def pull(gradients: list[Tensor]) -> tuple[Tensor, Tensor]:
            pairs = [pull(gradient) for pull, gradient in zip(pulls, gradients, strict=True)]
            in_operators, in_states = zip(*pairs, strict=True)
            in_inputs, in_weights = pull_states(torch.stack(in_states))
            by_operators = pull_operators(in_operators)
            return in_inputs, by_operators if in_weights is None else by_operators + in_weights

        return list(tensors), pull


def _z_observables(order: Sequence[int], sizes: Sequence[int], width: int) -> npt.NDArray[np.float64]:
    """The eigenvalues of each qubit's Z in the basis states of each register; zero for other registers.

    Args:
        order: qubits, register by register.
        sizes: of the registers.
        width: qubits of a register with its padding.

    Returns:
        (num_qubits, registers, 2^width), qubits ascending.
    """
    bits = (np.arange(2**width) >> np.arange(width)[::-1, None]) & 1  # (width, 2^width)
    observables = np.zeros((len(order), len(sizes), 2**width))
    places = [(register, place) for register, size in enumerate(sizes) for place in range(size)]
    for qubit, (register, place) in zip(order, places, strict=True):
        observables[qubit, register] = 1.0 - 2.0 * bits[place]
    return observables


def _reads_inputs(operations: Sequence[Operation], component: Component, angles: AffineMap) -> bool:
    rows = [component.angles[o.angle] for o in operations if isinstance(o, Rotation)]
    return bool(np.any(angles.inputs_matrix[rows]))
