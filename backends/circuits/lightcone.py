"""Which observables an angle can change, and which angles can therefore be shifted together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import rustworkx as rx
from qiskit.quantum_info import SparsePauliOp

from backends.circuits.program import Operation, Program, Rotation

MIXED = "*"
"""In place of a Pauli letter where an operation or observable is diagonal in none."""


@dataclass(frozen=True)
class LightCone:
    """What an observable depends on.

    Attributes:
        operations: places in the program, ascending.
        qubits: those that they and the observable touch, ascending.
    """

    operations: tuple[int, ...]
    qubits: tuple[int, ...]


def light_cone(program: Program, observable: SparsePauliOp) -> LightCone:
    """The backward light cone of an observable.

    It grows from the observable's qubits backwards through every operation that need not commute with what
    it has become; it may be too large, never too small.
    """
    cone = _support(observable)
    inside = [k for k in reversed(range(len(program.operations))) if _grow(cone, program.operations[k])]
    return LightCone(tuple(reversed(inside)), tuple(sorted(cone)))


def affected_observables(program: Program, observables: Sequence[SparsePauliOp]) -> npt.NDArray[np.bool_]:
    """Whether each angle lies in the backward light cone of each observable.

    Returns:
        (num_angles, num_observables).
    """
    affected = np.zeros((program.num_angles, len(observables)), dtype=bool)
    for column, observable in enumerate(observables):
        for place in light_cone(program, observable).operations:
            operation = program.operations[place]
            if isinstance(operation, Rotation):
                affected[operation.angle, column] = True
    return affected


def compatible_groups(affected: npt.NDArray[np.bool_]) -> list[list[int]]:
    """Partition the angles that affect anything so that no two of a group share an observable.

    One execution then serves a whole group (for FQConv, all four pixels at once).
    """
    useful = np.flatnonzero(affected.any(axis=1))
    overlap = (affected[useful].astype(int) @ affected[useful].T.astype(int)) > 0
    np.fill_diagonal(overlap, False)
    colors = rx.graph_greedy_color(rx.PyGraph.from_adjacency_matrix(overlap.astype(float)))
    groups: dict[int, list[int]] = {}
    for node in range(len(useful)):
        groups.setdefault(colors[node], []).append(int(useful[node]))
    return list(groups.values())


def _support(observable: SparsePauliOp) -> dict[int, str]:
    """The Pauli letter on each qubit, or `MIXED` where the terms differ."""
    letters: dict[int, str] = {}
    for paulis, qubits, _ in observable.to_sparse_list():
        for letter, qubit in zip(paulis, qubits, strict=True):
            letters[qubit] = letter if letters.get(qubit, letter) == letter else MIXED
    return letters


def _grow(cone: dict[int, str], operation: Operation) -> bool:
    """Take one operation into the cone, unless it certainly leaves the observable alone."""
    letters = diagonal_letters(operation)
    shared = [qubit for qubit in letters if qubit in cone]
    if all(cone[qubit] == letters[qubit] != MIXED for qubit in shared):
        return False  # no common qubit, or diagonal in the same basis on each of them: they commute
    for qubit, letter in letters.items():
        cone[qubit] = letter if cone.get(qubit, letter) == letter else MIXED
    return True


def diagonal_letters(operation: Operation) -> dict[int, str]:
    """For each of its qubits the Pauli letter that it commutes with there, or `MIXED`."""
    if not isinstance(operation, Rotation):
        return dict.fromkeys(operation.qubits, MIXED)
    controls = dict.fromkeys(operation.controls, "Z")
    return controls | dict(zip(operation.targets, operation.pauli, strict=True))
