"""Angles that are not affine in the parameters, such as ``(pi - x0) * (pi - x1)`` in `zz_feature_map`.

Shift rules give derivatives with respect to angles. Where an angle is no affine function, it becomes a
parameter of its own, and the chain rule leads from it to what it is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Instruction, Parameter, ParameterExpression, QuantumCircuit
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import SparsePauliOp

from backends.circuits.annotated import without_annotations
from backends.circuits.program import Ansatz, Program, program_from_circuit, without_final_measurements
from backends.errors import UserError

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
        expressions: what they stand for.
    """

    def __init__(self, circuit: QuantumCircuit, parameters: Sequence[Parameter]) -> None:
        self._columns = {parameter: k for k, parameter in enumerate(parameters)}
        self.expressions: list[ParameterExpression] = []
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
        return np.array([[self._evaluate(e, row) for e in self.expressions] for row in rows]).reshape(
            len(rows), len(self.parameters)
        )

    def jacobian(self, rows: Array) -> Array:
        """Derivatives of the new parameters with respect to the old, (R, new, old)."""
        result = np.zeros((len(rows), len(self.parameters), len(self._columns)))
        for k, expression in enumerate(self.expressions):
            for parameter in expression.parameters:
                slope = expression.gradient(parameter)
                result[:, k, self._columns[parameter]] = [self._evaluate(slope, row) for row in rows]
        return result

    def _name(self, value: Any) -> Any:
        if not isinstance(value, ParameterExpression) or _is_affine(value):
            return value
        if value not in self.expressions:
            self.expressions.append(value)
            self.parameters.append(Parameter(f"nonlinear {len(self.expressions)}"))
        return self.parameters[self.expressions.index(value)]

    def _evaluate(self, expression: ParameterExpression | complex, row: Array) -> float:
        if isinstance(expression, ParameterExpression):
            expression = expression.bind({p: float(row[self._columns[p]]) for p in expression.parameters})
        return complex(expression).real


@dataclass(frozen=True)
class NamedAngles:
    """An ansatz whose angles are affine, since parameters of their own stand for those that were not.

    Attributes:
        name: of the ansatz.
        circuit: with the new parameters.
        inputs: those of the ansatz, and the new ones whose expressions read any of them.
        weights: those of the ansatz, and the other new ones.
        observables: of the ansatz.
        of_inputs: the expressions that the last inputs stand for.
        of_weights: the expressions that the last weights stand for.
    """

    name: str
    circuit: QuantumCircuit
    inputs: Sequence[Parameter]
    weights: Sequence[Parameter]
    observables: Sequence[SparsePauliOp]
    of_inputs: Sequence[ParameterExpression] = ()
    of_weights: Sequence[ParameterExpression] = ()


def name_angles(ansatz: Ansatz) -> NamedAngles:
    """Give every angle that is no affine function of an ansatz's parameters a parameter of its own.

    Raises:
        UserError: if an expression holds a parameter that is neither an input nor a weight; names it.
    """
    inputs, weights = list(ansatz.inputs), list(ansatz.weights)
    named = NonlinearAngles(without_final_measurements(ansatz.circuit), [*inputs, *weights])
    if not named.parameters:  # the circuit stays as it came, composite gates and all
        return NamedAngles(ansatz.name, ansatz.circuit, inputs, weights, ansatz.observables)
    for expression in named.expressions:
        if stray := sorted(p.name for p in expression.parameters - {*inputs, *weights}):
            raise UserError(f"parameter {stray[0]!r} of {expression}: neither an input nor a weight")
    pairs = list(zip(named.parameters, named.expressions, strict=True))
    read = [(parameter, e) for parameter, e in pairs if e.parameters & set(inputs)]
    shared = [(parameter, e) for parameter, e in pairs if not e.parameters & set(inputs)]
    return NamedAngles(
        ansatz.name,
        named.circuit,
        [*inputs, *(parameter for parameter, _ in read)],
        [*weights, *(parameter for parameter, _ in shared)],
        ansatz.observables,
        [expression for _, expression in read],
        [expression for _, expression in shared],
    )


def program_of(ansatz: Ansatz) -> Program:
    """An ansatz as a program, whatever its expressions; parameters stand for those that are not affine.

    Raises:
        UserError: names what is no gate, or the parameter that is neither an input nor a weight.
    """
    named = name_angles(ansatz)
    return program_from_circuit(named.circuit, named.inputs, named.weights)


def _without_composite_gates(circuit: QuantumCircuit) -> QuantumCircuit:
    """Write out the gates whose definition may hold expressions of its own."""
    circuit = without_annotations(circuit)
    while composite := {item.operation.name for item in circuit.data if _is_composite(item.operation)}:
        circuit = without_annotations(circuit.decompose(gates_to_decompose=list(composite)))
    return circuit


def _is_composite(operation: Instruction) -> bool:
    free = any(isinstance(value, ParameterExpression) and value.parameters for value in operation.params)
    return free and operation.name not in STANDARD_GATES and operation.definition is not None


def _is_affine(value: ParameterExpression) -> bool:
    if isinstance(value, Parameter):
        return True
    slopes = (value.gradient(parameter) for parameter in value.parameters)
    return not any(isinstance(slope, ParameterExpression) and slope.parameters for slope in slopes)
