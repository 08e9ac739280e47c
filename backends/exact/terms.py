"""Expectations of any Pauli strings by the exact engine."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import product, zip_longest

import torch
from torch import Tensor

from backends.circuits.program import Program
from backends.circuits.structure import Component
from backends.exact.constants import Constant
from backends.exact.engine import ExactEngine
from backends.exact.paulis import ChainStrings, StateStrings, pauli_strings
from backends.gradients.autograd import Pullback, traced

Factor = tuple[int, int, str]
"""Part of a Pauli string: class of components, component within it, and letters, first qubit first."""


def factors_of(term: str, classes: Sequence[Sequence[Component]]) -> list[Factor]:
    """The parts of a Pauli string (qubit 0 last) on a circuit's components, without identities."""
    parts = [
        (k, c, "".join(term[-1 - qubit] for qubit in component.qubits))
        for k, components in enumerate(classes)
        for c, component in enumerate(components)
    ]
    return [part for part in parts if part[2].strip("I")]


class PauliEngine(ExactEngine):
    """Exact expectations of Pauli strings, differentiable in inputs and weights to any order.

    A string's is the product of those of its parts. Where `ExactEngine` gives each qubit's <Z>, the methods
    here give each string's expectation, (G, B, num_terms).

    Args:
        program: what to simulate.
        terms: Pauli labels, qubit 0 last, none of them the identity.
    """

    def __init__(self, program: Program, terms: Sequence[str]) -> None:
        super().__init__(program)
        factors = [factors_of(term, self.classes) for term in terms]
        self.readers: list[StateStrings | ChainStrings | None] = []
        columns: dict[Factor, int] = {}
        for k, (components, simulator) in enumerate(zip(self.classes, self.simulators, strict=True)):
            words = sorted({word for parts in factors for where, _, word in parts if where == k})
            reader = pauli_strings(words, simulator.registers, simulator.width) if words else None
            self.readers.append(reader)  # a component that no term reads is not simulated
            held = simulator.row_size * (reader.copies if reader else 0)
            self.row_size += held
            self.row_cost += held  # a few multiplications each
            for key in product([k], range(len(components)), words):
                columns[key] = len(columns)
        one = len(columns)  # the column that stands for no factor
        padded = zip_longest(*([columns[part] for part in parts] for parts in factors), fillvalue=one)
        self.factors = [Constant(column) for column in padded]

    def _values(self, inputs: Tensor, weights: Tensor) -> Tensor:
        return self._terms(inputs, weights, plain=False)

    def _plain(self, inputs: Tensor, weights: Tensor) -> Tensor:
        return self._terms(inputs, weights, plain=True)

    def _whole(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Pullback]:
        return traced(self._values, inputs, weights)

    def _terms(self, inputs: Tensor, weights: Tensor, *, plain: bool) -> Tensor:
        groups, rows, _ = inputs.shape
        parts = []
        for simulator, reader in zip(self.simulators, self.readers, strict=True):
            if reader is not None:
                found = reader(simulator.tensors(inputs, weights, plain=plain))
                parts.append(found.reshape(groups, -1, rows, found.shape[-1]).transpose(1, 2).flatten(2))
        joined = torch.cat([*parts, parts[0].new_ones(groups, rows, 1)], dim=-1)
        chosen = (joined.index_select(-1, column.like(joined)) for column in self.factors)
        return functools.reduce(torch.mul, chosen)
