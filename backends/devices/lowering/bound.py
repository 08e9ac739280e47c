"""Parts of two or three qubits whose weights are the same for many rows, with fewer two-qubit gates.

What comes before a part's first two-qubit gate may differ from row to row, as inputs do. The rest is one
unitary for each set of weights. It is synthesised anew, on a template that one search finds for all weights;
the circuit is therefore the same for all of them, and only the angles of its single-qubit gates differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, permutations
from typing import Any

import numpy as np

from backends.circuits.program import Fixed, Operation
from backends.circuits.structure import Component
from backends.devices.lowering import synthesis
from backends.devices.lowering.single_qubit import IDENTITY, PAULIS, Complex, Real, kron
from backends.devices.lowering.skeleton import Interaction, Skeleton, Values
from backends.devices.lowering.synthesis import Template
from backends.kept import kept

ENOUGH = {2: 2, 3: 13}
"""Two-qubit gates with which any unitary can be made, up to a diagonal, by number of qubits."""

MAX_BODIES = 64
"""Sets of weights in one call beyond which it is a gradient's shifts, and the search would take too long."""

ROUNDS = 20
"""How often a fit is tried with fresh starts."""

DECIMALS = 12
"""To which angles, in radians, are the same."""

MAX_KEPT = 4096
"""Fits that are kept, for sets of weights that come again."""


class NotBound(Exception):
    """A part whose weights differ too much from row to row, or have no exact fit; take another lowering."""


@dataclass(frozen=True, eq=False)
class BoundSkeleton(Skeleton):
    """See the module's description; made by `bound_skeleton`."""

    _head: tuple[Operation, ...]
    _body: tuple[Operation, ...]
    _template: Template
    _fits: dict[bytes, Complex] = field(default_factory=dict)

    @property
    def outputs(self) -> tuple[int, ...]:
        """For each qubit the wire on which it ends, named after the qubit that begins there."""
        return self._template.outputs

    def evaluate(self, angles: Real) -> Values:
        """Fill the skeleton, with one search for each set of weights that is new.

        Raises:
            NotBound: if there are too many sets, or a search fails.
        """
        columns = sorted({o.angle for o in self._body if not isinstance(o, Fixed)})
        bodies, which = np.unique(np.round(angles[:, columns], DECIMALS), axis=0, return_inverse=True)
        if len(bodies) > MAX_BODIES:
            raise NotBound(f"{len(bodies)} sets of weights")
        full = np.zeros((len(bodies), angles.shape[1]))
        full[:, columns] = bodies
        slots = np.stack([self._fit(row) for row in full])[which.ravel()]
        wires = self._template.wires
        for qubit in range(self.num_qubits):
            first = wires.index(qubit)
            slots[:, first] = slots[:, first] @ self._head_of(qubit, angles)
        return Values(np.full((len(angles), len(self.interactions)), np.pi / 2), slots)

    def _head_of(self, qubit: int, angles: Real) -> Complex:
        product: Complex = np.broadcast_to(IDENTITY, (len(angles), 2, 2))
        for operation in self._head:
            if operation.qubits == (qubit,):
                product = _matrices(operation, angles) @ product
        return product

    def _fit(self, angles: Real) -> Complex:
        key = angles.tobytes()
        if key not in self._fits:
            found = _fit(self._template, unitary(self._body, self.num_qubits, angles), ROUNDS)
            if found is None:
                raise NotBound("no exact fit")
            if len(self._fits) >= MAX_KEPT:
                self._fits.clear()
            self._fits[key] = found
        return self._fits[key]


_FOUND: dict[object, BoundSkeleton | None] = {}
"""By shape and most gates: a search takes seconds, and layers of a network are often alike."""


def bound_skeleton(component: Component, most: int) -> BoundSkeleton | None:
    """A skeleton of Clifford interactions for a part's circuit, whatever its weights; searched for once.

    Args:
        component: the part.
        most: two-qubit gates that it may have.

    Returns:
        The one with the fewest; None if there is none, as for parts of more than three qubits.
    """
    key = (component.shape, most)
    if key not in _FOUND:
        _FOUND[key] = _search(component, most) if len(component.qubits) in ENOUGH else None
    return _FOUND[key]


def _search(component: Component, most: int) -> BoundSkeleton | None:
    num_qubits = len(component.qubits)
    head, body = _split(component.operations, num_qubits)
    probes = np.random.default_rng(0).uniform(-np.pi, np.pi, (2, len(component.angles)))
    unitaries = [unitary(body, num_qubits, row) for row in probes]
    sizes = range(min(most, ENOUGH[num_qubits]), 0, -1)
    question = [sizes.start, [[u.real.tolist(), u.imag.tolist()] for u in unitaries]]
    found = kept("templates", question, [synthesis], lambda: _smallest(sizes, num_qubits, unitaries))
    if found is None:
        return None
    pairs, outputs = found
    best = Template(num_qubits, tuple((first, second) for first, second in pairs), tuple(outputs))
    interactions = tuple(Interaction(pair, True) for pair in best.pairs)
    return BoundSkeleton(num_qubits, interactions, (), (), head, body, best)


def _smallest(sizes: Iterable[int], num_qubits: int, unitaries: Sequence[Complex]) -> list[Any] | None:
    """Pairs and outputs of the template with the fewest gates that fits all, the largest sizes first."""
    best: Template | None = None
    for size in sizes:
        found = next((t for t in _templates(num_qubits, size) if all(_fits(t, u) for u in unitaries)), None)
        if found is None:
            break
        best = found
    return None if best is None else [best.pairs, best.outputs]


def unitary(operations: Sequence[Operation], num_qubits: int, angles: Real) -> Complex:
    """Operations as one matrix, qubit 0 most significant.

    Args:
        operations: without controls.
        num_qubits: of the matrix.
        angles: (num_angles,), radians.
    """
    product: Complex = np.eye(2**num_qubits, dtype=complex)
    for operation in operations:
        k = len(operation.qubits)
        rest = [q for q in range(num_qubits) if q not in operation.qubits]
        order = [*operation.qubits, *rest]
        tensor = product.reshape(*[2] * num_qubits, -1).transpose([*order, num_qubits])
        tensor = (_matrices(operation, angles[None])[0] @ tensor.reshape(2**k, -1)).reshape(tensor.shape)
        product = tensor.transpose([*np.argsort(order), num_qubits]).reshape(product.shape)
    return product


def _matrices(operation: Operation, angles: Real) -> Complex:
    """(rows or 1, 2^k, 2^k), the first of the operation's qubits most significant."""
    if isinstance(operation, Fixed):
        return operation.matrix[None]
    pauli: Complex = np.eye(1, dtype=complex)
    for letter in operation.pauli:
        pauli = kron(pauli, PAULIS[letter])
    half = angles[:, operation.angle, None, None] / 2
    return np.asarray(np.cos(half) * np.eye(len(pauli)) - 1j * np.sin(half) * pauli)


def _split(operations: Sequence[Operation], num_qubits: int) -> tuple[tuple[Operation, ...], ...]:
    """What comes before any two-qubit gate of its qubit, and the rest."""
    untouched = set(range(num_qubits))
    head: list[Operation] = []
    body: list[Operation] = []
    for operation in operations:
        if len(operation.qubits) == 1 and untouched.issuperset(operation.qubits):
            head.append(operation)
        else:
            untouched.difference_update(operation.qubits)
            body.append(operation)
    return tuple(head), tuple(body)


def _templates(num_qubits: int, size: int) -> Iterator[Template]:
    """Gates on a line, its pairs by turns."""
    lines = permutations(range(num_qubits))
    outputs = list(permutations(range(num_qubits)))
    for line in lines:
        pairs = list(pairwise(line))
        turns = tuple(pairs[k % len(pairs)] for k in range(size))
        yield from (Template(num_qubits, turns, output) for output in outputs)


def _fits(template: Template, wanted: Complex) -> bool:
    return _fit(template, wanted, 1) is not None


def _fit(template: Template, wanted: Complex, rounds: int) -> Complex | None:
    rng = np.random.default_rng(0)
    tries = (template.fit(wanted, rng) for _ in range(rounds))
    return next((found for found in tries if found is not None), None)
