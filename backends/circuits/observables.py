"""Observables as a linear map of Pauli strings: what is measured, and what is made of it.

Whoever evaluates a circuit gives the expectations of the distinct strings; an observable is a row of
coefficients and a constant, its part of the identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import rustworkx as rx
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from backends.circuits.program import Ansatz, Program, program_from_circuit
from backends.errors import UserError

_STRATEGIES = (rx.ColoringStrategy.Saturation, rx.ColoringStrategy.Degree)


@dataclass(frozen=True)
class Readout:
    """Observables, ``offset + matrix @ <terms>``.

    Attributes:
        num_qubits: of the circuit.
        terms: distinct Pauli labels, qubit 0 last; the identity is none of them.
        matrix: (num_observables, num_terms).
        offset: (num_observables,), the coefficients of the identity.
    """

    num_qubits: int
    terms: tuple[str, ...]
    matrix: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]

    @property
    def operators(self) -> list[SparsePauliOp]:
        """The terms as observables of their own."""
        return [SparsePauliOp(term) for term in self.terms]

    @property
    def z_qubits(self) -> list[int] | None:
        """The qubit of each term if all are single Z; else None."""
        if any(sorted(set(term)) not in (["I", "Z"], ["Z"]) or term.count("Z") > 1 for term in self.terms):
            return None
        return [self.num_qubits - 1 - term.index("Z") for term in self.terms]

    def of_qubits(self) -> npt.NDArray[np.float64]:
        """The matrix (num_observables, num_qubits) for expectations of every qubit's Z.

        Raises:
            ValueError: if a term is another Pauli string.
        """
        qubits = self.z_qubits
        if qubits is None:
            raise ValueError(f"{', '.join(self.terms)}: not all are single Z")
        matrix = np.zeros((len(self.matrix), self.num_qubits))
        matrix[:, qubits] = self.matrix
        return matrix


def read_observables(observables: Sequence[SparsePauliOp], num_qubits: int) -> Readout:
    """Write observables as a linear map of the Pauli strings that they are made of.

    Raises:
        UserError: names the observable that is no `SparsePauliOp`, is on another number of qubits, or has a
            coefficient that is not a finite real number.
    """
    if isinstance(observables, SparsePauliOp):
        raise UserError(f"observables: {_name(observables)} is one; put it in a list")
    columns: dict[str, int] = {}
    entries: list[tuple[int, str, float]] = []
    for row, observable in enumerate(observables):
        for label, coefficient in _real_terms(observable, num_qubits):
            columns.setdefault(label, len(columns))
            entries.append((row, label, coefficient))
    matrix = np.zeros((len(observables), len(columns)))
    for row, label, coefficient in entries:
        matrix[row, columns[label]] += coefficient
    identity = "I" * num_qubits
    offset = matrix[:, columns[identity]] if identity in columns else np.zeros(len(matrix))
    kept = [label for label, column in columns.items() if label != identity and np.any(matrix[:, column])]
    return Readout(num_qubits, tuple(kept), matrix[:, [columns[label] for label in kept]], offset)


def measurement_bases(labels: Sequence[str]) -> list[tuple[list[int], str]]:
    """Share executions among Pauli strings that agree wherever both have a letter.

    As few groups as two heuristics for colouring find; the fewest is a hard problem.

    Returns:
        Which strings share, and the letter to measure on each qubit (I where none does), qubit 0 last.
    """
    if not labels:
        return []
    letters = np.array([list(label) for label in labels])
    both = (letters[:, None] != "I") & (letters[None] != "I")
    conflicts = (both & (letters[:, None] != letters[None])).any(axis=-1)
    graph = rx.PyGraph.from_adjacency_matrix(conflicts.astype(float))
    colourings = [rx.graph_greedy_color(graph, strategy=strategy) for strategy in _STRATEGIES]
    best = min(colourings, key=lambda colouring: max(colouring.values()))
    groups: dict[int, list[int]] = {}
    for k in range(len(labels)):
        groups.setdefault(best[k], []).append(k)
    return [(members, _basis(letters[members])) for members in groups.values()]


def num_bases(ansatz: Ansatz) -> int:
    """In how many bases an ansatz is measured, each by circuits of its own."""
    return len(measurement_bases(read_observables(ansatz.observables, ansatz.circuit.num_qubits).terms))


def in_basis(program: Program, basis: str) -> Program:
    """Turn the bases of measurement (qubit 0 last) into that of Z, by gates at the program's end."""
    turn = QuantumCircuit(program.num_qubits)
    for qubit, letter in enumerate(reversed(basis)):
        if letter == "Y":
            turn.sdg(qubit)
        if letter in "XY":
            turn.h(qubit)
    return replace(program, operations=program.operations + program_from_circuit(turn).operations)


def _basis(letters: npt.NDArray[np.str_]) -> str:
    return "".join(next((letter for letter in column if letter != "I"), "I") for column in letters.T)


def _real_terms(observable: SparsePauliOp, num_qubits: int) -> list[tuple[str, float]]:
    if not isinstance(observable, SparsePauliOp):
        raise UserError(
            f"observable {observable!r}: allowed is a SparsePauliOp, not {type(observable).__name__}"
        )
    name = _name(observable)
    if observable.num_qubits != num_qubits:
        raise UserError(
            f"observable {name}: is on {observable.num_qubits} qubits, and the circuit has {num_qubits}"
        )
    return [(label, _real(coefficient, name)) for label, coefficient in observable.to_list()]


def _real(coefficient: Any, name: str) -> float:
    try:
        value = complex(coefficient)
    except TypeError:
        value = complex("nan")  # it holds a free parameter
    if value.imag != 0 or not np.isfinite(value):
        raise UserError(f"observable {name}: coefficient {coefficient}: allowed are finite real numbers")
    return value.real


def _name(observable: SparsePauliOp) -> str:
    terms = [f"{_number(c)} {label}" for label, c in observable.to_list()[:3]]
    return " + ".join(terms) + (" + ..." if len(observable) > 3 else "")


def _number(coefficient: Any) -> str:
    real = isinstance(coefficient, complex) and coefficient.imag == 0
    return f"{coefficient.real:g}" if real else str(coefficient)
