"""What is true of a circuit at many parameter values at once, without any code of the packages under test.

Gates come from Qiskit's own matrices and are applied in numpy. `test_truth` holds it against `Statevector`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Gate, Parameter, ParameterExpression, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

Array = npt.NDArray[Any]


def expectations(
    circuit: QuantumCircuit,
    parameters: Sequence[Parameter],
    rows: Array,
    observables: Sequence[SparsePauliOp],
) -> Array:
    """(R, num_observables) at rows (R, num_parameters) of parameter values."""
    states = states_at(circuit, parameters, rows)
    return np.stack([_mean(states, observable) for observable in observables], axis=-1)


def states_at(circuit: QuantumCircuit, parameters: Sequence[Parameter], rows: Array) -> Array:
    """(R, 2, ..., 2), axis 1 + k for qubit k."""
    n = circuit.num_qubits
    columns = {parameter: rows[:, k] for k, parameter in enumerate(parameters)}
    states = np.zeros((len(rows), *[2] * n), dtype=complex)
    states[(slice(None), *[0] * n)] = 1
    return _evolve(states, circuit, range(n), columns)


def _evolve(
    states: Array, circuit: QuantumCircuit, places: Sequence[int], columns: dict[Parameter, Array]
) -> Array:
    for item in circuit.data:
        gate = item.operation
        qubits = [places[circuit.find_bit(qubit).index] for qubit in item.qubits]
        if type(gate) is Gate:  # made of others
            states = _evolve(states, gate.definition, qubits, columns)
        elif gate.name != "barrier":
            states = _apply(states, _matrices(gate, columns, len(states)), qubits)
    return states


def gradient(function: Callable[[Array], Array], point: Array, step: float = 1e-4) -> Array:
    """Central differences of fourth order of a function (R, P) -> (R,) at a point (P,)."""
    moves = np.array([-2.0, -1.0, 1.0, 2.0]) * step
    rows = point + (moves[:, None, None] * np.eye(len(point))).reshape(-1, len(point))
    values = function(rows).reshape(4, len(point))
    return np.array([1.0, -8.0, 8.0, -1.0]) @ values / (12 * step)


def curvature(
    function: Callable[[Array], Array], point: Array, u: Array, v: Array, step: float = 1e-3
) -> float:
    """``u^T H v`` of a function (R, P) -> (R,) at a point (P,), by central differences of fourth order."""
    signs = np.array([(a, b) for a in (1, -1) for b in (1, -1)])

    def mixed(h: float) -> float:
        values = function(point + h * signs @ np.stack([u, v]))
        return float((signs[:, 0] * signs[:, 1]) @ values) / (4 * h * h)

    return (4 * mixed(step) - mixed(2 * step)) / 3


def _mean(states: Array, observable: SparsePauliOp) -> Array:
    total = np.zeros(len(states))
    for letters, qubits, coefficient in observable.to_sparse_list():
        turned = states
        for letter, qubit in zip(letters, qubits, strict=True):
            turned = _apply(turned, _PAULIS[letter], [qubit])
        axes = tuple(range(1, states.ndim))
        total += (coefficient * (states.conj() * turned).sum(axis=axes)).real
    return total


_PAULIS = {
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]).astype(complex),
}


def _matrices(gate: Any, columns: dict[Parameter, Array], rows: int) -> Array:
    """(2^k, 2^k), or (R, 2^k, 2^k) if the gate has parameters; each distinct angle is asked for once."""
    if not any(isinstance(p, ParameterExpression) and p.parameters for p in gate.params):
        return np.asarray(gate.to_matrix(), dtype=complex)
    angles = np.stack([_values(p, columns, rows) for p in gate.params], axis=1)
    distinct, which = np.unique(angles, axis=0, return_inverse=True)
    ctrl = {"ctrl_state": gate.ctrl_state} if hasattr(gate, "ctrl_state") else {}
    found = np.array([gate.base_class(*row, **ctrl).to_matrix() for row in distinct])
    return found[which.reshape(-1)]


def _values(expression: Any, columns: dict[Parameter, Array], rows: int) -> Array:
    if not isinstance(expression, ParameterExpression):
        return np.full(rows, float(expression))
    used = list(expression.parameters)
    points = np.stack([columns[p] for p in used], axis=1) if used else np.zeros((rows, 0))
    distinct, which = np.unique(points, axis=0, return_inverse=True)
    found = [float(expression.bind(dict(zip(used, row, strict=True)))) for row in distinct]
    return np.array(found)[which.reshape(-1)]


def _apply(states: Array, matrices: Array, qubits: Sequence[int]) -> Array:
    """Apply Qiskit's matrices, whose first qubit is the least significant."""
    k = len(qubits)
    axes = [1 + qubit for qubit in reversed(qubits)]
    front = np.moveaxis(states, axes, range(1, k + 1))
    flat = front.reshape(len(states), 2**k, -1)
    turned = (matrices @ flat).reshape(front.shape)
    return np.moveaxis(turned, range(1, k + 1), axes)
