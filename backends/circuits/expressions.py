"""Angles that are not affine in the parameters, such as ``(pi - x0) * (pi - x1)`` in `zz_feature_map`.

Shift rules give derivatives with respect to angles. Where an angle is no affine function, it becomes a
parameter of its own, and the chain rule leads from it to what it is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Instruction, Parameter, ParameterExpression, QuantumCircuit
from qiskit.circuit.library import get_standard_gate_name_mapping

Array = npt.NDArray[np.float64]

STANDARD_GATES = frozenset(get_standard_gate_name_mapping())


class NonlinearAngles:
    """A circuit whose non-affine angles have been named.

    Args:
        circuit: gates with any differentiable parameter expressions.
        parameters: what the expressions are made of, in the order of the columns of their values.

    Attributes:
        circuit: the same with one new parameter for each distinct non-affine expression.
        parameters: the new ones.
    """

    def __init__(self, circuit: QuantumCircuit, parameters: Sequence[Parameter]) -> None:
        self._columns = {parameter: k for k, parameter in enumerate(parameters)}
        self._expressions: list[ParameterExpression] = []
        self.parameters: list[Parameter] = []
        flat = _without_composite_gates(circuit)
        self.circuit = flat.copy_empty_like()
        for item in flat.data:
            operation, params = item.operation, item.operation.params
            named = [self._name(value) for value in params]
            if any(new is not old for new, old in zip(named, params, strict=True)):
                operation = operation.to_mutable()
                operation.params = named
            self.circuit.append(operation, item.qubits, item.clbits)

    def values(self, rows: Array) -> Array:
        """Values (R, new) from those of the old parameters (R, old), radians."""
        return np.array([[self._evaluate(e, row) for e in self._expressions] for row in rows]).reshape(
            len(rows), len(self.parameters)
        )

    def jacobian(self, rows: Array) -> Array:
        """Derivatives of the new parameters with respect to the old, (R, new, old)."""
        result = np.zeros((len(rows), len(self.parameters), len(self._columns)))
        for k, expression in enumerate(self._expressions):
            for parameter in expression.parameters:
                slope = expression.gradient(parameter)
                result[:, k, self._columns[parameter]] = [self._evaluate(slope, row) for row in rows]
        return result

    def _name(self, value: Any) -> Any:
        if not isinstance(value, ParameterExpression) or _is_affine(value):
            return value
        if value not in self._expressions:
            self._expressions.append(value)
            self.parameters.append(Parameter(f"nonlinear {len(self._expressions)}"))
        return self.parameters[self._expressions.index(value)]

    def _evaluate(self, expression: ParameterExpression | complex, row: Array) -> float:
        if isinstance(expression, ParameterExpression):
            expression = expression.bind({p: float(row[self._columns[p]]) for p in expression.parameters})
        return complex(expression).real


def _without_composite_gates(circuit: QuantumCircuit) -> QuantumCircuit:
    """Write out the gates whose definition may hold expressions of its own."""
    while composite := {item.operation.name for item in circuit.data if _is_composite(item.operation)}:
        circuit = circuit.decompose(gates_to_decompose=list(composite))
    return circuit


def _is_composite(operation: Instruction) -> bool:
    free = any(isinstance(value, ParameterExpression) and value.parameters for value in operation.params)
    return free and operation.name not in STANDARD_GATES and operation.definition is not None


def _is_affine(value: ParameterExpression) -> bool:
    slopes = (value.gradient(parameter) for parameter in value.parameters)
    return not any(isinstance(slope, ParameterExpression) and slope.parameters for slope in slopes)
