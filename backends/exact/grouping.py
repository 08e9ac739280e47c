"""Grouping a circuit's gates into the steps that the dense method applies to all amplitudes.

A *monomial* gate (X, CX, SWAP, CZ, RZ, RZZ, ...) has one entry in each row of its matrix: it renames basis
states and gives them phases. Any number of them in a row is one index and one vector of phases, however many
qubits they touch. All other gates are multiplied together into a matrix on a few qubits, one for the whole
batch, or one a row if its angles read the inputs; where all entries are real it costs half. Which gates go
together is tried in several ways, and the cheapest is taken.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from backends.circuits.program import Fixed, Operation

MAX_MONOMIAL_QUBITS = 14
"""Largest support of a monomial step, whose index and phases are held."""
PART_QUBITS = 4
"""Qubits that are put together first where no gate says which."""
STEP_COST = 1500
"""What calling a step costs a row of a batch of 64, in complex multiplications."""
MOVE_COST = 8
"""What it costs an amplitude to come to another place in the order, in complex multiplications."""


class Kind(Enum):
    """What a step does to the state."""

    SHARED = "one matrix for the batch"
    PER_ROW = "one matrix a row"
    MONOMIAL = "an index and phases"


@dataclass(frozen=True)
class Gate:
    """An operation, and what grouping asks of it."""

    operation: Operation
    kind: Kind
    real: bool
    per_row: bool


@dataclass
class Group:
    """Gates that are applied in one step.

    Attributes:
        kind: how.
        qubits: all that they touch.
        gates: first applied first.
        first: whether it is a matrix for the whole batch and nothing acted on its qubits before.
    """

    kind: Kind
    qubits: set[int]
    gates: list[Gate]
    first: bool

    @property
    def operations(self) -> list[Operation]:
        """What is applied, first applied first."""
        return [gate.operation for gate in self.gates]

    @property
    def real(self) -> bool:
        """Whether the matrix has no imaginary part."""
        return all(gate.real for gate in self.gates)

    @property
    def per_row(self) -> bool:
        """Whether something in it reads the inputs."""
        return any(gate.per_row for gate in self.gates)

    def place(self, order: Sequence[int]) -> Place:
        """Where it is applied to a state with its qubits in some order."""
        whole = self.kind is Kind.MONOMIAL and len(order) <= MAX_MONOMIAL_QUBITS
        return Place(order if whole else self.qubits, order)

    def cost(self, num_qubits: int) -> float:
        """Complex multiplications a row, as measured: they stand for passes over memory too."""
        size, d = 2**num_qubits, 2 ** len(self.qubits)
        if self.kind is Kind.MONOMIAL:
            turned = any(not isinstance(operation, Fixed) for operation in self.operations)
            return STEP_COST + size * (4 + 4 * turned + 16 * self.per_row)
        if self.kind is Kind.PER_ROW:
            return STEP_COST + size * (d + 20) + len(self.gates) * d**3
        return STEP_COST + size * (0.6 * d + 4.5 if self.real else d + 7)


class Place:
    """Where a step finds its qubits.

    Args:
        qubits: what it acts on.
        order: the qubits of the state, most significant first.

    Attributes:
        axes: how qubits have to be ordered first: the k-th comes from place ``axes[k]``; empty if they stay.
        order: the qubits of the state afterwards.
        start: the place of the step's first qubit in it.
        qubits: the step's, as they are ordered then.
    """

    def __init__(self, qubits: Collection[int], order: Sequence[int]) -> None:
        where = [k for k, qubit in enumerate(order) if qubit in qubits]
        self.start, self.order, self.axes = where[0], list(order), list[int]()
        if where[-1] - where[0] >= len(where):
            self.axes = [*where, *(k for k in range(len(order)) if k not in where)]
            self.start, self.order = 0, [order[k] for k in self.axes]
        self.qubits = self.order[self.start : self.start + len(where)]


@dataclass(frozen=True)
class Plan:
    """What is done to a state in which order.

    Attributes:
        parts: qubits that are put together first, each with the gates that act on it before it meets others.
        first: those gates.
        groups: all others, first applied first.
        num_qubits: of the state.
    """

    parts: list[list[int]]
    first: list[Operation]
    groups: list[Group]
    num_qubits: int

    @property
    def order(self) -> list[int]:
        """The qubits of the state that the parts make, most significant first."""
        return [qubit for part in self.parts for qubit in part]

    def cost(self) -> float:
        """Complex multiplications a row."""
        order, size = self.order, 2**self.num_qubits
        cost = 8.0 * size + sum(4 ** len(part) for part in self.parts)
        for group in self.groups:
            place = group.place(order)
            cost += group.cost(self.num_qubits) + MOVE_COST * size * bool(place.axes)
            order = place.order
        return cost


@dataclass(frozen=True)
class Policy:
    """One way to group.

    Attributes:
        shared: qubits of a matrix for the whole batch, at most.
        per_row: qubits of one matrix a row, at most.
        absorb: whether monomial gates go into the matrices where they fit, or all into steps of their own.
    """

    shared: int
    per_row: int
    absorb: bool


POLICIES = [Policy(*each) for each in itertools.product((4, 3, 5), (1, 3), (False, True))]


def cheapest_plan(
    operations: Sequence[Operation], reads_inputs: Sequence[bool], num_qubits: int, *, prepared: bool = False
) -> Plan:
    """The plan that costs least.

    Args:
        operations: first applied first.
        reads_inputs: for each angle, whether it depends on the inputs.
        num_qubits: of the state.
        prepared: whether the state they act on is any, instead of a product of the qubits' states.
    """
    gates = [gate_of(operation, reads_inputs) for operation in operations]
    touched = range(num_qubits) if prepared else ()
    plans = [_plan(grouped(gates, policy, touched), num_qubits) for policy in POLICIES]
    return min(plans, key=Plan.cost)


def grouped(gates: Sequence[Gate], policy: Policy, touched: Collection[int] = ()) -> list[Group]:
    """Group gates: each joins the latest group it can move to that takes it, or begins a new one.

    Args:
        gates: first applied first.
        policy: what groups take.
        touched: qubits that are entangled already.
    """
    groups: list[Group] = []
    before = set(touched)
    for gate in gates:
        qubits = set(gate.operation.qubits)
        for group in _latest(groups, qubits):
            fresh = before.isdisjoint(qubits - group.qubits)
            if _takes(group, gate, qubits, policy, group.first and fresh):
                break
        else:
            fresh = before.isdisjoint(qubits)
            group = Group(gate.kind, set(), [], gate.kind is Kind.SHARED and len(qubits) <= policy.shared)
            groups.append(group)
        group.first &= fresh
        group.gates.append(gate)
        group.qubits |= qubits
        before |= qubits
    return _monomials_joined(groups)


def _monomials_joined(groups: Sequence[Group]) -> list[Group]:
    """The same groups, but monomial ones that can wait for a later one join it."""
    result: list[Group] = []
    for group in groups:
        if group.kind is Kind.MONOMIAL:
            for k, earlier in reversed([*enumerate(result)]):
                qubits = earlier.qubits | group.qubits
                waits = all(earlier.qubits.isdisjoint(each.qubits) for each in result[k + 1 :])
                if earlier.kind is Kind.MONOMIAL and waits and len(qubits) <= MAX_MONOMIAL_QUBITS:
                    group = Group(Kind.MONOMIAL, qubits, earlier.gates + group.gates, False)
                    del result[k]
        result.append(group)
    return result


def gate_of(operation: Operation, reads_inputs: Sequence[bool]) -> Gate:
    """An operation, and whether its matrix is monomial, real, and the same for all rows."""
    if isinstance(operation, Fixed):
        entries = np.count_nonzero(np.abs(operation.matrix) > 1e-12, axis=1)
        kind = Kind.MONOMIAL if np.all(entries == 1) else Kind.SHARED
        return Gate(operation, kind, not np.any(operation.matrix.imag), False)
    per_row = reads_inputs[operation.angle]
    kind = Kind.MONOMIAL if set(operation.pauli) == {"Z"} else Kind.PER_ROW if per_row else Kind.SHARED
    return Gate(operation, kind, operation.pauli.count("Y") % 2 == 1, per_row)


def _latest(groups: Sequence[Group], qubits: set[int]) -> Iterator[Group]:
    """The groups behind which a gate on some qubits may move, the last first."""
    for group in reversed(groups):
        yield group
        if group.qubits & qubits:
            return


def _takes(group: Group, gate: Gate, qubits: set[int], policy: Policy, free: bool) -> bool:
    """Whether a gate joins a group; `free` says that the matrix acts on qubits that met no others yet."""
    size = len(group.qubits | qubits)
    if group.kind is Kind.MONOMIAL:
        return gate.kind is Kind.MONOMIAL and size <= MAX_MONOMIAL_QUBITS
    if gate.kind is Kind.MONOMIAL and not (policy.absorb or free):
        return False
    most = policy.per_row if gate.per_row else policy.shared
    return gate.per_row == (group.kind is Kind.PER_ROW) and size <= max(most, len(group.qubits))


def _plan(groups: Sequence[Group], num_qubits: int) -> Plan:
    first = [group for group in groups if group.first]
    size = max((len(group.qubits) for group in first), default=PART_QUBITS)
    others = sorted(set(range(num_qubits)).difference(*(group.qubits for group in first)))
    parts = [sorted(group.qubits) for group in first]
    parts += [others[k : k + size] for k in range(0, len(others), size)]
    operations = [operation for group in first for operation in group.operations]
    return Plan(sorted(parts), operations, [group for group in groups if not group.first], num_qubits)
