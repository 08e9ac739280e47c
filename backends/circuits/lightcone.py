"""Which observables an angle can change, and which angles can therefore be shifted together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import rustworkx as rx
from qiskit.quantum_info import SparsePauliOp

from backends.circuits.program import Operation, Program, Rotation

_MIXED = "*"


def affected_observables(program: Program, observables: Sequence[SparsePauliOp]) -> npt.NDArray[np.bool_]:
    """Whether each angle lies in the backward light cone of each observable.

    The cone grows from the observable's qubits backwards through every operation that need not commute
    with what it has become; it may be too large, never too small.

    Returns:
        (num_angles, num_observables).
    """
    affected = np.zeros((program.num_angles, len(observables)), dtype=bool)
    for column, observable in enumerate(observables):
        cone = _support(observable)
        for operation in reversed(program.operations):
            if _grow(cone, operation) and isinstance(operation, Rotation):
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
    """The Pauli letter on each qubit, or `_MIXED` where the terms differ."""
    letters: dict[int, str] = {}
    for paulis, qubits, _ in observable.to_sparse_list():
        for letter, qubit in zip(paulis, qubits, strict=True):
            letters[qubit] = letter if letters.get(qubit, letter) == letter else _MIXED
    return letters


def _grow(cone: dict[int, str], operation: Operation) -> bool:
    """Take one operation into the cone, unless it certainly leaves the observable alone."""
    letters = _letters(operation)
    shared = [qubit for qubit in letters if qubit in cone]
    if all(cone[qubit] == letters[qubit] != _MIXED for qubit in shared):
        return False  # no common qubit, or diagonal in the same basis on each of them: they commute
    for qubit, letter in letters.items():
        cone[qubit] = letter if cone.get(qubit, letter) == letter else _MIXED
    return True


def _letters(operation: Operation) -> dict[int, str]:
    if not isinstance(operation, Rotation):
        return dict.fromkeys(operation.qubits, _MIXED)
    controls = dict.fromkeys(operation.controls, "Z")
    return controls | dict(zip(operation.targets, operation.pauli, strict=True))
