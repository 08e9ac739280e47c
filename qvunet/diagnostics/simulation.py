"""What the simplest classical simulations of a circuit cost, before anything is run.

Three exact ways, the simplest first: the state vectors of the parts that are never entangled with each other;
for each observable the state vector of its light cone; a matrix-product state of each part, its qubits in
ascending order (Vidal 2003, arXiv:quant-ph/0301063). The bond of a cut is at most the operator-Schmidt rank
of what crosses it (Nielsen et al. 2003, arXiv:quant-ph/0208077), for which `bond_bounds` gives a bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np

from backends.circuits.lightcone import MIXED, diagonal_letters
from backends.circuits.program import Ansatz, Fixed, Operation, program_from_circuit
from backends.circuits.structure import components, control_of
from qvunet.diagnostics.cones import Cone

AMPLITUDE_BYTES = 16
"""Two numbers in double precision."""
LAPTOP_BYTES = 8 * 2**30
"""What a state may take on a laptop: half of 16 GiB."""


@dataclass(frozen=True)
class Part:
    """Qubits that no gate joins to others.

    Attributes:
        qubits: ascending.
        state_bytes: of its state vector.
        bonds: bounds of the bonds of its matrix-product state, one for each cut between neighbours.
        product_bytes: of that state, at most.
    """

    qubits: tuple[int, ...]
    state_bytes: int
    bonds: tuple[int, ...]
    product_bytes: int

    @property
    def bond(self) -> int:
        """The largest; 1 without entanglement."""
        return max(self.bonds, default=1)


@dataclass(frozen=True)
class Simulation:
    """Memory of one state by each way.

    Attributes:
        parts: connected components.
        cone_bytes: of the state vector of the largest light cone.
        verdict: whether a laptop simulates the circuit.
    """

    parts: tuple[Part, ...]
    cone_bytes: int
    verdict: str


def simulation_cost(ansatz: Ansatz, cones: Sequence[Cone]) -> Simulation:
    """Look at a circuit.

    Args:
        ansatz: the circuit.
        cones: of its observables.
    """
    program = program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights)
    parts = []
    for part in components(program):
        size = len(part.qubits)
        bonds = bond_bounds(size, part.operations)
        numbers = sum(2 * left * right for left, right in pairwise(bonds))
        state = AMPLITUDE_BYTES * 2**size
        parts.append(Part(part.qubits, state, tuple(bonds[1:-1]), AMPLITUDE_BYTES * numbers))
    cone_bytes = AMPLITUDE_BYTES * 2 ** max((len(cone.qubits) for cone in cones), default=0)
    return Simulation(tuple(parts), cone_bytes, _verdict(parts, cone_bytes))


def bond_bounds(num_qubits: int, operations: Sequence[Operation]) -> list[int]:
    """Bounds of the bonds of a circuit's state, its qubits in a line.

    A gate that has one qubit on a side of the cut, in whose Z (or X, Y) basis it is diagonal there, is a sum
    of two branches, one for each eigenstate. Gates share those branches for as long as every gate on that
    qubit is diagonal in the same basis: CRZ then CRX with one control double the bond once.

    Args:
        num_qubits: n.
        operations: first applied first, on qubits 0 to n - 1.

    Returns:
        (n + 1) bounds, the first and the last of them 1.
    """
    ranks = [_rank_bound(cut, operations) for cut in range(1, num_qubits)]
    bonds = [1, *ranks, 1]
    for cut in range(1, num_qubits):  # a qubit at most doubles the bond
        bonds[cut] = min(bonds[cut], 2 * bonds[cut - 1])
    for cut in reversed(range(1, num_qubits)):
        bonds[cut] = min(bonds[cut], 2 * bonds[cut + 1])
    return bonds


def _rank_bound(cut: int, operations: Sequence[Operation]) -> int:
    """Of the operator-Schmidt rank between the first `cut` qubits and the others."""
    left, right = (lambda qubit: qubit < cut), (lambda qubit: qubit >= cut)
    return min(_branches(operations, (left, right)), _branches(operations, (right, left)))


def _branches(operations: Sequence[Operation], sides: Sequence[Callable[[int], bool]]) -> int:
    """Branches of all gates across a cut, where each is split on the first side that allows it."""
    bases: dict[int, tuple[str, int]] = {}  # of each qubit: the letter it is diagonal in, and since when
    shared: set[tuple[int, tuple[str, int]]] = set()
    ranks = []
    for time, operation in enumerate(operations):
        letters = _letters(operation)
        for qubit, letter in letters.items():
            if letter == MIXED or bases.get(qubit, ("", 0))[0] != letter:
                bases[qubit] = (letter, time)
        if not all(any(map(side, letters)) for side in sides):
            continue
        pivots = [(qubit, bases[qubit]) for qubit in _pivots(letters, sides)]
        if not shared.intersection(pivots):
            if pivots:
                shared.add(pivots[0])
            else:
                ranks.append(_schmidt_rank(operation, sides[0]))
    return 2 ** len(shared) * prod(ranks)


def _pivots(letters: dict[int, str], sides: Sequence[Callable[[int], bool]]) -> Iterator[int]:
    """Qubits alone on their side in whose basis a gate is diagonal."""
    for side in sides:
        alone = [qubit for qubit in letters if side(qubit)]
        if len(alone) == 1 and letters[alone[0]] != MIXED:
            yield alone[0]


def _letters(operation: Operation) -> dict[int, str]:
    """`diagonal_letters`, which also knows the control of a CX and the like."""
    letters = diagonal_letters(operation)
    if isinstance(operation, Fixed) and (control := control_of(operation)) is not None:
        letters[operation.qubits[control]] = "Z"
    return letters


def _schmidt_rank(operation: Operation, side: Callable[[int], bool]) -> int:
    """Of one gate; three for a rotation, which is 1 + p (c - 1) + s P with products p and P on the sides."""
    if not isinstance(operation, Fixed):
        return 3
    k = len(operation.qubits)
    inside = [j for j, qubit in enumerate(operation.qubits) if side(qubit)]
    outside = [j for j in range(k) if j not in inside]
    axes = [axis for group in (inside, outside) for j in group for axis in (j, k + j)]
    matrix = operation.matrix.reshape([2] * (2 * k)).transpose(axes).reshape(4 ** len(inside), -1)
    return int(np.linalg.matrix_rank(matrix))


def _verdict(parts: Sequence[Part], cone_bytes: int) -> str:
    largest = max(len(part.qubits) for part in parts)
    many = f"{len(parts)} independent parts of at most {largest} qubits" if len(parts) > 1 else "one part"
    ways = {
        f"the state of its {many} takes": sum(part.state_bytes for part in parts),
        "the state of its largest light cone takes": cone_bytes,
        "its matrix-product state takes at most": sum(part.product_bytes for part in parts),
    }
    for way, size in ways.items():
        if size <= LAPTOP_BYTES:
            return f"a laptop simulates this circuit exactly: {way} {format_bytes(size)}"
    least = min(ways.values())
    return f"no laptop holds a state of this circuit: the smallest way known here takes {format_bytes(least)}"


def format_bytes(size: int) -> str:
    """As in ``64 KiB``."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            return f"{size:.3g} {unit}"
        size = size / 1024  # type: ignore[assignment]
    return f"{size:.0f} PiB"
