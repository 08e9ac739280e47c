"""Circuits as lists of rotations: the form in which every backend reads a Qiskit circuit.

A `Program` holds two kinds of operations. A `Fixed` operation is a constant unitary. A `Rotation` is
``exp(-i angle/2 * |1..1><1..1| (x) P)`` with a Pauli string P on its targets and any number of controls;
RX, RZZ, CRZ, CRX and the like are all of this form. Every angle is an affine function of the inputs and
weights, so one matrix product turns parameters into angles.

The form serves three readers: the exact engine takes matrices from it, the shift rules take generators
from it, and Aer takes the Pauli rotations that `without_controls` makes of it. The last matters: Aer
binds the parameter of a *controlled* rotation silently wrong (Qiskit/qiskit-aer issues 2323, 2391,
2403), that of a Pauli rotation right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from qiskit.circuit import (
    Barrier,
    CircuitInstruction,
    Gate,
    Measure,
    Parameter,
    ParameterExpression,
    QuantumCircuit,
    Reset,
    library,
)
from qiskit.quantum_info import Operator, SparsePauliOp

from backends.circuits.annotated import carried_out
from backends.errors import UserError

MAX_FIXED_QUBITS = 4
"""A constant gate on more qubits than this is read through its definition, not as one matrix."""


class Ansatz(Protocol):
    """What `Backend.layer` needs of a parameterised circuit; `qvunet.ansatz.Ansatz` is one."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def circuit(self) -> QuantumCircuit: ...  # noqa: D102
    @property
    def inputs(self) -> Sequence[Parameter]: ...  # noqa: D102
    @property
    def weights(self) -> Sequence[Parameter]: ...  # noqa: D102
    @property
    def observables(self) -> Sequence[SparsePauliOp]: ...  # noqa: D102


@dataclass(frozen=True)
class Fixed:
    """A constant unitary.

    Attributes:
        matrix: (2^k, 2^k), its most significant bit ``qubits[0]``.
        qubits: what it acts on.
        gate: the Qiskit gate it was read from, so that a circuit can be written back as it was.
    """

    matrix: npt.NDArray[np.complex128]
    qubits: tuple[int, ...]
    gate: Gate | None = None


@dataclass(frozen=True)
class Rotation:
    """``exp(-i angle/2 * |1..1><1..1|_controls (x) pauli_targets)``.

    Attributes:
        pauli: letters of X, Y, Z; letter j acts on ``targets[j]``.
        targets: qubits the Pauli string acts on.
        angle: row of the program's affine angle map, radians.
        controls: qubits that must all be 1 for the rotation to act.
    """

    pauli: str
    targets: tuple[int, ...]
    angle: int
    controls: tuple[int, ...] = ()

    @property
    def qubits(self) -> tuple[int, ...]:
        """Controls, then targets."""
        return self.controls + self.targets


Operation = Fixed | Rotation


@dataclass(frozen=True)
class AffineMap:
    """``angles = inputs @ inputs_matrix.T + weights @ weights_matrix.T + offset``, all in radians.

    Attributes:
        inputs_matrix: (num_angles, num_inputs).
        weights_matrix: (num_angles, num_weights).
        offset: (num_angles,).
    """

    inputs_matrix: npt.NDArray[np.float64]
    weights_matrix: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]

    def __call__(
        self, inputs: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Angles (..., num_angles) of inputs (..., num_inputs) and weights (..., num_weights)."""
        return inputs @ self.inputs_matrix.T + weights @ self.weights_matrix.T + self.offset

    def take(self, rows: Sequence[int | None]) -> AffineMap:
        """The map of the chosen rows only; None gives an angle that is always zero."""
        index = [len(self.offset) if row is None else row for row in rows]
        return AffineMap(
            np.pad(self.inputs_matrix, ((0, 1), (0, 0)))[index],
            np.pad(self.weights_matrix, ((0, 1), (0, 0)))[index],
            np.pad(self.offset, (0, 1))[index],
        )

    def then(self, following: AffineMap) -> AffineMap:
        """The map of `following`, which has no weights, of these angles as its inputs."""
        matrix = following.inputs_matrix
        return AffineMap(
            matrix @ self.inputs_matrix,
            matrix @ self.weights_matrix,
            matrix @ self.offset + following.offset,
        )

    def scaled(
        self, scale: npt.NDArray[np.float64], shift: float | npt.NDArray[np.float64] = 0.0
    ) -> AffineMap:
        """The map of ``scale * angles + shift``, both (num_angles,)."""
        column = scale[:, None]
        return AffineMap(
            column * self.inputs_matrix, column * self.weights_matrix, scale * self.offset + shift
        )


@dataclass(frozen=True)
class Program:
    """Operations on `num_qubits` qubits from |0...0>, and the affine map that gives their angles."""

    num_qubits: int
    operations: tuple[Operation, ...]
    angles: AffineMap

    @property
    def num_angles(self) -> int:
        """Rows of the angle map."""
        return len(self.angles.offset)


def program_from_circuit(
    circuit: QuantumCircuit, inputs: Iterable[Parameter] = (), weights: Iterable[Parameter] = ()
) -> Program:
    """Read a circuit of standard gates with affine parameters.

    Args:
        circuit: no control flow, no reset (nor initialize, which begins with one) but of qubits on which
            nothing has acted yet, and no measurement but at the very end, where it is left out; composite
            gates are read through their definition.
        inputs: parameters that carry data, in the order of the columns they will come in.
        weights: trainable parameters, likewise.

    Returns:
        An equivalent program, up to global phase.

    Raises:
        UserError: names the instruction that is not a gate, or the parameter expression that is not affine
            or holds a parameter that is neither an input nor a weight.
    """
    reader = _Reader(list(inputs), list(weights))
    circuit = without_final_measurements(circuit)
    qubits = {qubit: index for index, qubit in enumerate(circuit.qubits)}
    operations = tuple(reader.read(circuit, qubits))
    return Program(circuit.num_qubits, operations, reader.affine_map())


def without_final_measurements(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit without the measurements after which nothing happens to their qubits.

    Observables say what is measured; a circuit that people drew may say it once more.
    """
    if "measure" not in circuit.count_ops():
        return circuit
    kept: list[CircuitInstruction] = []
    touched: set[Any] = set()
    for item in reversed(circuit.data):
        if isinstance(item.operation, Measure) and not touched.intersection([*item.qubits, *item.clbits]):
            continue
        kept.append(item)
        if not isinstance(item.operation, Barrier):
            touched.update([*item.qubits, *item.clbits])
    unmeasured = circuit.copy_empty_like()
    for item in reversed(kept):
        unmeasured.append(item)
    return unmeasured


def without_controls(program: Program) -> Program:
    """Rewrite every controlled rotation as plain Pauli rotations, exactly.

    The projector on the controls is ``prod (1 - Z)/2``; expanding it turns one rotation by `a` with `c`
    controls into 2^c commuting ones by ``+-a / 2^c``: CRX(a) = RX(a/2) RZX(-a/2).
    """
    rows: list[int] = []
    scales: list[float] = []
    operations: list[Operation] = []
    for operation in program.operations:
        if isinstance(operation, Fixed):
            operations.append(operation)
            continue
        for size in range(len(operation.controls) + 1):
            for subset in combinations(operation.controls, size):
                pauli = "Z" * size + operation.pauli
                operations.append(Rotation(pauli, subset + operation.targets, len(rows)))
                rows.append(operation.angle)
                scales.append((-1) ** size / 2 ** len(operation.controls))
    angles = program.angles.take(rows).scaled(np.array(scales))
    return replace(program, operations=tuple(operations), angles=angles)


# How each parameterised standard gate is written: a list of (pauli, targets, controls, parameter, scale)
# on the gate's own qubits, first applied first. Other gates are read through their Qiskit definition.
_Term = tuple[str, tuple[int, ...], tuple[int, ...], int, float]
_ROTATIONS: dict[type[Gate], list[_Term]] = {
    library.RXGate: [("X", (0,), (), 0, 1.0)],
    library.RYGate: [("Y", (0,), (), 0, 1.0)],
    library.RZGate: [("Z", (0,), (), 0, 1.0)],
    library.PhaseGate: [("Z", (0,), (), 0, 1.0)],
    library.U1Gate: [("Z", (0,), (), 0, 1.0)],
    library.UGate: [("Z", (0,), (), 2, 1.0), ("Y", (0,), (), 0, 1.0), ("Z", (0,), (), 1, 1.0)],
    library.U3Gate: [("Z", (0,), (), 2, 1.0), ("Y", (0,), (), 0, 1.0), ("Z", (0,), (), 1, 1.0)],
    library.RXXGate: [("XX", (0, 1), (), 0, 1.0)],
    library.RYYGate: [("YY", (0, 1), (), 0, 1.0)],
    library.RZZGate: [("ZZ", (0, 1), (), 0, 1.0)],
    library.RZXGate: [("ZX", (0, 1), (), 0, 1.0)],
    library.CRXGate: [("X", (1,), (0,), 0, 1.0)],
    library.CRYGate: [("Y", (1,), (0,), 0, 1.0)],
    library.CRZGate: [("Z", (1,), (0,), 0, 1.0)],
    library.CPhaseGate: [("Z", (0,), (), 0, 0.5), ("Z", (1,), (0,), 0, 1.0)],
    library.CU1Gate: [("Z", (0,), (), 0, 0.5), ("Z", (1,), (0,), 0, 1.0)],
}
_IGNORED = (Barrier, library.IGate, library.GlobalPhaseGate)


class _Reader:
    """Turns instructions into operations and collects the rows of the affine map."""

    def __init__(self, inputs: list[Parameter], weights: list[Parameter]) -> None:
        self.num_inputs = len(inputs)
        self.columns = {parameter: k for k, parameter in enumerate(inputs + weights)}
        self.rows: list[npt.NDArray[np.float64]] = []
        self.touched: set[int] = set()

    def affine_map(self) -> AffineMap:
        width = len(self.columns) + 1
        rows = np.array(self.rows).reshape(len(self.rows), width)
        return AffineMap(rows[:, : self.num_inputs], rows[:, self.num_inputs : -1], rows[:, -1])

    def read(self, circuit: QuantumCircuit, qubits: dict[Any, int]) -> Iterator[Operation]:
        for instruction in circuit.data:
            gate = carried_out(instruction.operation)
            where = tuple(qubits[qubit] for qubit in instruction.qubits)
            if isinstance(gate, _IGNORED) or (isinstance(gate, Reset) and self.touched.isdisjoint(where)):
                continue
            for operation in self._read_gate(gate, where):
                self.touched.update(operation.qubits)
                yield operation

    def _read_gate(self, gate: Any, where: tuple[int, ...]) -> Iterator[Operation]:
        free = [p for p in getattr(gate, "params", ()) if is_free(p)]
        definition = getattr(gate, "definition", None)
        terms = _ROTATIONS.get(getattr(gate, "base_class", type(gate)))
        if terms and free and getattr(gate, "ctrl_state", None) in (None, 1):
            yield from self._rotations(gate, terms, where)
        elif isinstance(gate, Gate) and not free and gate.num_qubits <= MAX_FIXED_QUBITS:
            yield Fixed(big_endian(Operator(gate).data), where, gate)
        elif definition is not None and definition.num_clbits == 0:
            inner = dict(zip(definition.qubits, where, strict=True))
            yield from self.read(definition, inner)
        else:
            raise UserError(
                f"instruction {gate.name!r} cannot be simulated: a circuit may hold standard gates, "
                "barriers and gates defined by them, reset and initialize before anything else on their "
                "qubits, and no control flow or early measurement"
            )

    def _rotations(self, gate: Gate, terms: list[_Term], where: tuple[int, ...]) -> Iterator[Rotation]:
        for pauli, targets, controls, parameter, scale in terms:
            yield Rotation(
                pauli,
                tuple(where[t] for t in targets),
                self._angle(gate, gate.params[parameter], scale),
                tuple(where[c] for c in controls),
            )

    def _angle(self, gate: Gate, value: Any, scale: float) -> int:
        self.rows.append(scale * affine_row(gate, value, self.columns))
        return len(self.rows) - 1


def affine_row(gate: Gate, value: Any, columns: Mapping[Parameter, int]) -> npt.NDArray[np.float64]:
    """An angle as an affine function: the coefficients of the parameters, then the constant.

    Args:
        gate: whose angle it is.
        value: a number or an expression.
        columns: where the coefficient of each parameter goes.

    Raises:
        UserError: if the expression is not affine, or holds another parameter.
    """
    row = np.zeros(len(columns) + 1)
    for parameter in value.parameters if isinstance(value, ParameterExpression) else ():
        if parameter not in columns:
            raise UserError(
                f"parameter {parameter.name!r} of gate {gate.name!r} is neither an input nor a weight"
            )
        row[columns[parameter]] = _coefficient(gate, value, parameter)
    row[-1] = _constant(value)
    return row


def is_free(value: Any) -> bool:
    """Whether a parameter of a gate is not yet a number."""
    return isinstance(value, ParameterExpression) and bool(value.parameters)


def _coefficient(gate: Gate, value: ParameterExpression, parameter: Parameter) -> float:
    if isinstance(value, Parameter):
        return 1.0
    slope = value.gradient(parameter)
    if is_free(slope):
        raise UserError(f"parameter expression {value} of gate {gate.name!r} is not affine")
    return complex(slope).real


def _constant(value: Any) -> float:
    if isinstance(value, Parameter):
        return 0.0
    if is_free(value):
        return float(value.bind(dict.fromkeys(value.parameters, 0.0)))
    return float(value)


def big_endian(matrix: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
    """Reverse the bit order of a (2^k, 2^k) matrix: Qiskit's first qubit is the least significant."""
    k = len(matrix).bit_length() - 1
    order = [*range(k)][::-1]
    tensor = matrix.reshape([2] * (2 * k))
    return np.ascontiguousarray(tensor.transpose(order + [k + axis for axis in order]).reshape(matrix.shape))
