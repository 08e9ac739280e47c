"""Circuits whose gates stay what they are, with one parameter for each angle that is free.

Simulators bind such circuits themselves, and noise that hangs on a gate's name stays on it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qiskit.circuit import ControlledGate, Parameter, ParameterVector, QuantumCircuit

from backends.circuits.program import AffineMap, affine_row, is_free
from backends.errors import UserError


def with_own_parameters(
    circuit: QuantumCircuit, parameters: Sequence[Parameter]
) -> tuple[QuantumCircuit, list[Parameter], AffineMap]:
    """Give every free angle of a circuit a parameter of its own.

    Args:
        circuit: gates with affine angles.
        parameters: what the angles are made of.

    Returns:
        The circuit, its new parameters, and their values as a function of `parameters`.

    Raises:
        UserError: if a controlled rotation is free, whose value Aer would silently ignore.
    """
    columns = {parameter: k for k, parameter in enumerate(parameters)}
    rows = [
        affine_row(item.operation, value, columns)
        for item in circuit.data
        for value in item.operation.params
        if is_free(value)
    ]
    own = list(ParameterVector("own", len(rows)))
    following = iter(own)
    named = circuit.copy_empty_like()
    named.global_phase = 0.0  # which may hold the old parameters
    for item in circuit.data:
        operation = item.operation
        if any(is_free(value) for value in operation.params):
            if isinstance(operation, ControlledGate):
                raise UserError(
                    f"gate {operation.name!r}: Qiskit Aer cannot bind the angle of a controlled rotation"
                )
            operation = operation.to_mutable()
            operation.params = [next(following) if is_free(v) else v for v in operation.params]
        named.append(operation, item.qubits, item.clbits)
    matrix = np.array(rows).reshape(len(rows), len(columns) + 1)
    return named, own, AffineMap(matrix[:, :-1], np.zeros((len(rows), 0)), matrix[:, -1])
