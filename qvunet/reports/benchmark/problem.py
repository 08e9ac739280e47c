"""The task every layer is given: a circuit, angles, and the gradient that arrives from above."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from qiskit.circuit import ParameterVector, QuantumCircuit

from qvunet.ansatz import Ansatz, make_ansatz
from qvunet.ansatz.base import layered

Array = npt.NDArray[np.float32]


class Problem(NamedTuple):
    """Evaluate the circuit for every row, then differentiate ``sum(cotangent * values)``.

    Attributes:
        ansatz: the circuit.
        inputs: (rows, n) radians.
        weights: (num_weights,) radians.
        cotangent: (rows, n).
    """

    ansatz: Ansatz
    inputs: Array
    weights: Array
    cotangent: Array


DENSE = "qvunet.reports.benchmark.problem:dense"
"""The name of `dense`, as `make_ansatz` takes it."""


def dense(num_qubits: int = 8, num_layers: int = 3) -> Ansatz:
    """A circuit that needs all its amplitudes: Ry and Rz on each qubit, then CNOT i -> (i + 1) mod n."""

    def layer(circuit: QuantumCircuit, angles: ParameterVector) -> None:
        for qubit in range(num_qubits):
            circuit.ry(angles[2 * qubit], qubit)
            circuit.rz(angles[2 * qubit + 1], qubit)
        for qubit in range(num_qubits):
            circuit.cx(qubit, (qubit + 1) % num_qubits)

    return layered("dense", num_qubits, num_layers, 2 * num_qubits, layer)


class Gate(NamedTuple):
    """A gate in terms that every library understands.

    Attributes:
        name: ``rx``, ``ry``, ``rz``, ``crx``, ``crz`` or ``cx``.
        qubits: control first.
        angle: vector (``x`` for inputs, ``w`` for weights) and index; None for ``cx``.
    """

    name: str
    qubits: list[int]
    angle: tuple[str, int] | None

    def angles(self, inputs: Any, weights: Any) -> list[Any]:
        """The gate's angle, if it has one: of all rows (..., n) at once if it is an input."""
        if self.angle is None:
            return []
        vector, index = self.angle
        return [inputs[..., index] if vector == "x" else weights[index]]


def make_problem(ansatz: str, rows: int, **options: int) -> Problem:
    """The same angles for everybody, whatever library asks; `options` are those of the ansatz."""
    made = make_ansatz(ansatz, **options)
    rng = np.random.default_rng(0)
    shape = (rows, made.num_qubits)
    return Problem(
        made,
        rng.uniform(-np.pi, np.pi, shape).astype(np.float32),
        rng.uniform(0, 2 * np.pi, len(made.weights)).astype(np.float32),
        rng.standard_normal(shape).astype(np.float32),
    )


def gates(circuit: QuantumCircuit) -> list[Gate]:
    """The gates of one of our circuits, in order."""
    return [
        Gate(
            instruction.operation.name,
            [circuit.find_bit(qubit).index for qubit in instruction.qubits],
            next(((p.vector.name, p.index) for p in instruction.operation.params), None),
        )
        for instruction in circuit.data
    ]
