"""Random circuits for the tests, and what is true of them, without any code of the packages under test.

The strategies draw every standard gate that Qiskit lists, at constant and at affine angles, on any qubits in
any order. The truth comes from `qiskit.quantum_info`, and for programs from their definition in numpy.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from hypothesis import strategies as st
from qiskit.circuit import (
    ControlledGate,
    Gate,
    Parameter,
    ParameterExpression,
    ParameterVector,
    QuantumCircuit,
)
from qiskit.circuit.library import (
    DiagonalGate,
    PauliEvolutionGate,
    PauliGate,
    PermutationGate,
    UnitaryGate,
    get_standard_gate_name_mapping,
)
from qiskit.quantum_info import SparsePauliOp, Statevector, random_unitary
from torch import Tensor

from backends.circuits.program import Fixed, Operation, Program

Array = npt.NDArray[Any]

STANDARD_GATES: dict[str, Gate] = {
    name: gate
    for name, gate in get_standard_gate_name_mapping().items()
    if isinstance(gate, Gate) and gate.num_qubits > 0
}
"""Name to an instance of every standard gate but the global phase."""
BRIDGE_GATES = ("rxx", "ryy", "rzz", "rzx", "crx", "cry", "crz", "cp", "cu1", "cx", "cy", "cz", "ch", "csx")
"""Two-qubit gates that a chain can be cut at; with constant angles only the controlled ones are."""
PAULI_MATRICES: dict[str, Array] = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}


@dataclass(frozen=True)
class TestAnsatz:
    """A circuit in the shape that `Backend.layer` takes; by default every qubit's Z is observed."""

    __test__ = False  # a helper, though its name begins like a test

    circuit: QuantumCircuit
    inputs: Sequence[Parameter]
    weights: Sequence[Parameter]
    observables: Sequence[SparsePauliOp] = ()
    name: str = "random"

    def __post_init__(self) -> None:
        if not self.observables:
            object.__setattr__(self, "observables", z_observables(self.circuit.num_qubits))

    def parameters(self, seed: int = 0, groups: int = 2, rows: int = 2) -> tuple[Tensor, Tensor]:
        """Random inputs (G, B, num_inputs) and weights (G, num_weights), float64 radians."""
        rng = np.random.default_rng(seed)
        inputs = rng.uniform(-np.pi, np.pi, (groups, rows, len(self.inputs)))
        weights = rng.uniform(-np.pi, np.pi, (groups, len(self.weights)))
        return torch.from_numpy(inputs), torch.from_numpy(weights)

    def bind(self, inputs: Iterable[float], weights: Iterable[float]) -> QuantumCircuit:
        """The circuit at these values."""
        values = [*zip(self.inputs, inputs, strict=True), *zip(self.weights, weights, strict=True)]
        used = self.circuit.parameters
        return self.circuit.assign_parameters({p: float(value) for p, value in values if p in used})

    def states(self, inputs: Tensor, weights: Tensor) -> Array:
        """Qiskit's state vectors (G, B, 2^n), qubit 0 most significant."""
        return np.array(
            [
                [big_endian_state(self.bind(x, w)) for x in rows]
                for rows, w in zip(inputs, weights, strict=True)
            ]
        )

    def expectations(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Qiskit's <Z_i>, (G, B, n)."""
        return torch.from_numpy(z_values(self.states(inputs, weights)))


def z_observables(num_qubits: int) -> list[SparsePauliOp]:
    """[Z_0, ..., Z_{n-1}]."""
    return [SparsePauliOp.from_sparse_list([("Z", [i], 1.0)], num_qubits) for i in range(num_qubits)]


@st.composite
def reading_anything(draw: st.DrawFn, circuits: st.SearchStrategy[TestAnsatz]) -> TestAnsatz:
    """Some circuits with any observables: sums of Pauli strings, repeated terms, the identity, nothing."""
    ansatz = draw(circuits)
    n = ansatz.circuit.num_qubits
    labels = st.one_of(
        st.text("IXYZ", min_size=n, max_size=n),
        st.tuples(st.integers(0, n - 1), st.sampled_from("XYZ")).map(
            lambda where: "I" * (n - 1 - where[0]) + where[1] + "I" * where[0]
        ),
    )
    coefficients = st.sampled_from([1.0, -1.0, 0.5, 0.25, -0.3, 0.0])
    terms = st.lists(st.tuples(labels, coefficients), min_size=1, max_size=3)
    observables = st.builds(SparsePauliOp.from_list, terms)
    return replace(ansatz, observables=draw(st.lists(observables, min_size=1, max_size=4)))


@st.composite
def bending_angles(draw: st.DrawFn, circuits: st.SearchStrategy[TestAnsatz]) -> TestAnsatz:
    """Some circuits with other expressions of new inputs and weights in their parameters' places."""
    ansatz = draw(circuits)
    inputs, weights = ParameterVector("u", 2), ParameterVector("v", 2)
    replaced = {
        parameter: draw(_bent([*inputs, *weights])) for parameter in [*ansatz.inputs, *ansatz.weights]
    }
    circuit = ansatz.circuit.assign_parameters(replaced)
    return TestAnsatz(circuit, [*inputs], [*weights], ansatz.observables)


@st.composite
def _bent(draw: st.DrawFn, parameters: Sequence[Parameter]) -> ParameterExpression:
    """A product, power, sine and so on of one or two parameters, smooth where these are small; or affine."""
    a, b = draw(st.sampled_from(parameters)), draw(st.sampled_from(parameters))
    forms: list[Callable[[], ParameterExpression]] = [
        lambda: a,
        lambda: 2 * a - b + 0.3,
        lambda: a * b,
        lambda: 2 * (np.pi - a) * (np.pi - b),
        lambda: a**2 + 0.1,
        lambda: (a - b).sin() * 1.5,
        lambda: (0.5 * a).exp() * b.cos(),
        lambda: 1 / (a * a + 2) + (b / 4).tan(),
        lambda: (a + 4.5).log() - b.arctan(),
        lambda: (a / 8).arcsin() * (b / 8).arccos(),
        lambda: (a * a + 1) ** 0.5,
        lambda: (a + 5).abs() * b,
    ]
    return draw(st.sampled_from(forms))()


def big_endian_state(circuit: QuantumCircuit) -> Array:
    """The state vector that Qiskit gives, qubit 0 most significant."""
    return np.asarray(Statevector(circuit).reverse_qargs().data)


def z_values(states: Array) -> Array:
    """<Z_i> (..., n) of state vectors (..., 2^n), qubit 0 most significant."""
    n = states.shape[-1].bit_length() - 1
    bits = (np.arange(2**n)[:, None] >> np.arange(n)[::-1]) & 1
    return np.abs(states) ** 2 @ (1 - 2 * bits)


def fidelity(left: Array, right: Array) -> Array:
    """|<left|right>| of state vectors (..., 2^n): 1 where they agree but for a phase."""
    return np.abs((left.conj() * right).sum(-1))


def program_state(program: Program, angles: Array) -> Array:
    """The state that a program prepares, from the definitions of its operations; qubit 0 most significant."""
    state = np.eye(1, 2**program.num_qubits, dtype=complex)[0]
    for operation in program.operations:
        state = operation_matrix(operation, angles, program.num_qubits) @ state
    return state


def operation_matrix(operation: Operation, angles: Array, num_qubits: int) -> Array:
    """The (2^n, 2^n) unitary that an operation is defined to be."""
    if isinstance(operation, Fixed):
        k, total = len(operation.qubits), 2**num_qubits
        rest = [q for q in range(num_qubits) if q not in operation.qubits]
        basis = np.eye(total).reshape([2] * num_qubits + [total])
        front = basis.transpose([*operation.qubits, *rest, num_qubits]).reshape(2**k, -1)
        result = (operation.matrix @ front).reshape([2] * num_qubits + [total])
        back = np.argsort([*operation.qubits, *rest])
        return result.transpose([*back, num_qubits]).reshape(total, total)
    letters = dict(zip(operation.targets, operation.pauli, strict=True))
    pauli = kron(PAULI_MATRICES[letters.get(q, "I")] for q in range(num_qubits))
    active = kron(np.diag([0, 1]) if q in operation.controls else np.eye(2) for q in range(num_qubits))
    half = angles[operation.angle] / 2
    rotation = np.cos(half) * np.eye(len(pauli)) - 1j * np.sin(half) * pauli
    return np.eye(len(pauli)) - active + active @ rotation


def kron(factors: Iterable[Array]) -> Array:
    """Kronecker product, first factor most significant."""
    return reduce(np.kron, factors, np.ones((1, 1)))


@st.composite
def ansaetze(
    draw: st.DrawFn,
    max_qubits: int = 7,
    max_gates: int = 14,
    gates: Sequence[str] = tuple(STANDARD_GATES),
    min_qubits: int = 1,
) -> TestAnsatz:
    """Any circuit of standard and composite gates: inputs anywhere, idle and separate qubits, barriers."""
    num_qubits = draw(st.integers(min_qubits, max_qubits))
    inputs, weights = ParameterVector("x", 3), ParameterVector("w", 3)
    circuit = QuantumCircuit(num_qubits)
    _encode(draw, circuit, [*inputs, *weights])
    for _ in range(draw(st.integers(0, max_gates))):
        _append_anywhere(draw, circuit, gates, [*inputs, *weights])
    return _with_used_parameters(circuit, inputs, weights)


@st.composite
def many_qubit_circuits(draw: st.DrawFn, max_qubits: int = 5, max_gates: int = 6) -> TestAnsatz:
    """Gates that Qiskit's list of standard ones lacks, on up to all qubits, between some of that list.

    Matrices, permutations, diagonals, Pauli strings and their evolution in time, controlled composite
    gates, rotations of many controls, open ones too; a prepared state in front; a global phase.
    """
    num_qubits = draw(st.integers(2, max_qubits))
    inputs, weights = ParameterVector("x", 3), ParameterVector("w", 3)
    parameters = [*inputs, *weights]
    circuit = QuantumCircuit(num_qubits, global_phase=draw(_angles(parameters)))
    if draw(st.booleans()):
        circuit.initialize([1, 0.5j, -0.2, 0], draw(st.permutations(range(num_qubits)))[:2], normalize=True)
    _encode(draw, circuit, parameters)
    for _ in range(draw(st.integers(1, max_gates))):
        if draw(st.booleans()):
            _append_anywhere(draw, circuit, tuple(STANDARD_GATES), parameters)
        gate = draw(_many_qubit_gates(num_qubits, parameters))
        circuit.append(gate, draw(st.permutations(range(num_qubits)))[: gate.num_qubits])
    return _with_used_parameters(circuit, inputs, weights)


@st.composite
def _many_qubit_gates(draw: st.DrawFn, max_qubits: int, parameters: Sequence[Parameter]) -> Gate:
    k = draw(st.integers(2, max_qubits))
    seed = draw(st.integers(0, 9))
    letters = draw(st.text("IXYZ", min_size=k, max_size=k).filter(lambda word: word.strip("I")))
    angle = draw(_angles(parameters))
    controls = draw(st.integers(0, 2 ** (k - 1) - 1))
    inner = QuantumCircuit(1)
    inner.rx(angle, 0)
    inner.t(0)
    turns = [STANDARD_GATES[name].base_class for name in ("rx", "ry", "rz", "p")]
    forms: list[Callable[[], Gate]] = [
        lambda: UnitaryGate(random_unitary(2**k, seed=seed)),
        lambda: PermutationGate(np.random.default_rng(seed).permutation(k)),
        lambda: DiagonalGate(np.exp(1j * np.random.default_rng(seed).normal(size=2**k))),
        lambda: PauliGate(letters),
        lambda: PauliEvolutionGate(SparsePauliOp([letters], [0.7]), angle),
        *(
            partial(gate.control, k - 1, ctrl_state=controls, annotated=False)
            for gate in (inner.to_gate(), STANDARD_GATES["x"], *(turn(angle) for turn in turns))
        ),
    ]
    return draw(st.sampled_from(forms))()


@st.composite
def chains(draw: st.DrawFn, max_qubits: int = 6) -> TestAnsatz:
    """Registers of unequal sizes in a row, joined by few gates on one pair of qubits each; inputs lead."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4).filter(lambda s: sum(s) <= max_qubits))
    order = draw(st.permutations(range(sum(sizes))))
    ends = np.cumsum([0, *sizes])
    registers = [tuple(order[a:b]) for a, b in itertools.pairwise(ends)]
    pairs = [
        (draw(st.sampled_from(left)), draw(st.sampled_from(right)))
        for left, right in itertools.pairwise(registers)
    ]
    inputs, weights = ParameterVector("x", 3), [*ParameterVector("w", 4)]
    circuit = QuantumCircuit(sum(sizes))
    _encode(draw, circuit, [*inputs, *weights])
    crossings = pairs + draw(st.lists(st.sampled_from(pairs), max_size=4))  # at least one over each bridge
    steps = draw(st.permutations(crossings + draw(st.lists(st.sampled_from(registers), max_size=10))))
    for step in steps:
        where = draw(st.permutations(step))
        fitting = BRIDGE_GATES if step in pairs else _fitting(STANDARD_GATES, len(step))
        name = draw(st.sampled_from(fitting))
        _append(draw, circuit, name, where[: STANDARD_GATES[name].num_qubits], weights)
    return _with_used_parameters(circuit, inputs, weights)


def chain_of(
    sizes: Sequence[int], bridges: Callable[[QuantumCircuit, int, int, Sequence[Parameter]], None]
) -> TestAnsatz:
    """Rings of registers one after another in qubit order; `bridges(circuit, left, right, weights)` joins
    the last qubit of each to the first of the next, twice, with the rings in between."""
    num_qubits = sum(sizes)
    inputs, weights = ParameterVector("x", num_qubits), ParameterVector("w", 40)
    circuit = QuantumCircuit(num_qubits)
    for qubit, angle in enumerate(inputs):
        circuit.rx(angle, qubit)
    angles = iter(weights)
    starts = np.cumsum([0, *sizes])
    for _ in range(2):
        for start, size in zip(starts, sizes, strict=False):
            for k in range(size):
                circuit.ry(next(angles), start + k)
                if size > 1:
                    circuit.rxx(0.4 + k, start + k, start + (k + 1) % size)
        for b, left in enumerate(starts[1:-1] - 1):
            bridges(circuit, int(left), int(left) + 1, [next(angles), next(angles), weights[b]])
    return _with_used_parameters(circuit, inputs, weights)


def _encode(draw: st.DrawFn, circuit: QuantumCircuit, parameters: Sequence[Parameter]) -> None:
    for qubit in range(circuit.num_qubits):
        if draw(st.integers(0, 3)) > 0:
            circuit.rx(draw(_angles(parameters)), qubit)


def _append_anywhere(
    draw: st.DrawFn,
    circuit: QuantumCircuit,
    gates: Sequence[str],
    parameters: Sequence[Parameter],
    inside_gate: bool = False,
) -> None:
    where = draw(st.permutations(range(circuit.num_qubits)))
    choice = draw(st.integers(0, 9))
    if choice == 0 and not inside_gate:
        circuit.barrier(where[: (len(where) + 1) // 2])
    elif choice == 1:
        inner = QuantumCircuit(min(3, circuit.num_qubits))
        for _ in range(draw(st.integers(1, 3))):
            _append_anywhere(draw, inner, gates, parameters, inside_gate=True)
        circuit.append(inner.to_gate(), where[: inner.num_qubits])
    else:
        name = draw(st.sampled_from(_fitting(gates, circuit.num_qubits)))
        _append(draw, circuit, name, where[: STANDARD_GATES[name].num_qubits], parameters)


def _fitting(gates: Iterable[str], num_qubits: int) -> list[str]:
    return [name for name in gates if STANDARD_GATES[name].num_qubits <= num_qubits]


def _append(
    draw: st.DrawFn, circuit: QuantumCircuit, name: str, where: Sequence[int], parameters: Sequence[Parameter]
) -> None:
    template = STANDARD_GATES[name]
    angles = [draw(_angles(parameters)) for _ in template.params]
    opened = isinstance(template, ControlledGate) and draw(st.integers(0, 4)) == 0
    gate = template.base_class(*angles, **({"ctrl_state": 0} if opened else {}))
    circuit.append(gate, where)


@st.composite
def _angles(draw: st.DrawFn, parameters: Sequence[Parameter]) -> ParameterExpression | float:
    """A constant, a parameter, or an affine expression of up to two parameters."""
    kind = draw(st.sampled_from(["constant", "parameter", "parameter", "affine"]))
    offset = draw(st.sampled_from([0.0, 0.3, -1.2, 2.5]))
    if kind == "constant":
        return offset
    if kind == "parameter":
        return draw(st.sampled_from(parameters))
    terms = draw(st.lists(st.sampled_from(parameters), min_size=1, max_size=2))
    scales = [draw(st.sampled_from([1.0, -1.0, 2.0, 0.5])) for _ in terms]
    return sum((scale * term for scale, term in zip(scales, terms, strict=True)), start=offset)


def _with_used_parameters(
    circuit: QuantumCircuit, inputs: Iterable[Parameter], weights: Iterable[Parameter]
) -> TestAnsatz:
    used = circuit.parameters
    return TestAnsatz(circuit, [p for p in inputs if p in used], [p for p in weights if p in used])


def reuploading() -> TestAnsatz:
    """Inputs before, among and after the weights, expressions of both, every qubit entangled."""
    x, w = ParameterVector("x", 2), ParameterVector("w", 4)
    circuit = QuantumCircuit(3)
    circuit.rx(x[0], 0)
    circuit.ry(x[1], 1)
    circuit.crx(w[0], 0, 1)
    circuit.rz(2 * x[0] + 0.3, 1)
    circuit.cry(x[1] + w[1], 1, 2)
    circuit.rxx(w[2], 2, 0)
    circuit.cp(x[0] - x[1], 2, 0)
    circuit.rx(w[3] + w[0], 1)
    circuit.cx(1, 2)
    return TestAnsatz(circuit, [*x], [*w])
