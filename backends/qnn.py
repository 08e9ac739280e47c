"""EstimatorQNN with one PUB a pass.

The stock `EstimatorQNN` submits one PUB an observable forward, and backward one single-value PUB for each
sample, observable and shift: 1,632 for one HQConv sample. Here a pass is one circuit and one PUB, with the
rows of parameter values broadcast against the observables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.primitives import BaseEstimatorV2
from qiskit.quantum_info import SparsePauliOp
from qiskit.quantum_info.operators.base_operator import BaseOperator
from qiskit.transpiler.passmanager import BasePassManager
from qiskit_machine_learning.gradients import BaseEstimatorGradient
from qiskit_machine_learning.neural_networks import EstimatorQNN

from backends.circuits.emission import circuit_from_operations
from backends.circuits.expressions import NonlinearAngles
from backends.circuits.program import (
    program_from_circuit,
    without_controls,
    without_final_measurements,
)
from backends.errors import UserError
from backends.gradients.shifts import ParameterShift

Array = npt.NDArray[np.float64]


class BroadcastEstimatorQNN(EstimatorQNN):
    """Drop-in `EstimatorQNN`: same constructor, shapes and values, one PUB for a whole pass.

    The circuit is rewritten with one free parameter for each of its rotations. Parameter values become
    rows of rotation angles, so that the two-term shift rule is exact for every gate and all shifts of all
    samples are rows of one PUB. Both passes ask for `default_precision`.

    Args:
        circuit: standard gates; parameter expressions may be of any differentiable form; measurements at its
            very end are left out.
        estimator: any V2 estimator.
        observables: default Z on all qubits.
        input_params: parameters that carry data.
        weight_params: trainable parameters.
        gradient: an estimator gradient of qiskit-machine-learning to be used in place of the shift rule.
        input_gradients: whether `backward` differentiates with respect to the inputs; needed for whatever
            comes before the circuit to learn.
        default_precision: standard error asked of the estimator, 1 / sqrt(shots).
        pass_manager: transpiles the circuit; prefer to hand in a transpiled circuit.

    Raises:
        UserError: if the circuit holds an instruction or expression that is not supported; names it.
    """

    def __init__(
        self,
        *,
        circuit: QuantumCircuit,
        estimator: BaseEstimatorV2 | None = None,
        observables: Sequence[BaseOperator] | BaseOperator | None = None,
        input_params: Sequence[Parameter] | None = None,
        weight_params: Sequence[Parameter] | None = None,
        gradient: BaseEstimatorGradient | None = None,
        input_gradients: bool = False,
        default_precision: float = 0.015625,
        pass_manager: BasePassManager | None = None,
    ) -> None:
        known = {*(input_params or ()), *(weight_params or ())}
        if stray := [parameter.name for parameter in circuit.parameters if parameter not in known]:
            raise UserError(f"circuit parameter {', '.join(stray)}: neither an input nor a weight")
        super().__init__(
            circuit=without_final_measurements(circuit),
            estimator=estimator,
            observables=observables,
            input_params=input_params,
            weight_params=weight_params,
            gradient=gradient,
            input_gradients=input_gradients,
            default_precision=default_precision,
            pass_manager=pass_manager,
        )
        self._uses_own_gradient = gradient is None
        parameters = list(self._circuit.parameters)
        inputs, weights = parameters[: self.num_inputs], parameters[self.num_inputs :]
        self._nonlinear = nonlinear = NonlinearAngles(self._circuit, parameters)
        program = program_from_circuit(nonlinear.circuit, [*inputs, *nonlinear.parameters], weights)
        self._program = program = without_controls(program)
        self._angle_circuit, _ = circuit_from_operations(
            program.operations, program.num_qubits, program.num_angles
        )
        self._operators = [SparsePauliOp(observable) for observable in self._observables]

    def _forward(self, input_data: Array | None, weights: Array | None) -> Array:
        """One PUB: (num_samples, num_observables)."""
        return self._expectations(self._angles(self._rows(input_data, weights)))

    def _backward(self, input_data: Array | None, weights: Array | None) -> tuple[Any, Any]:
        """One PUB: (num_samples, num_observables, num_inputs) or None, and the same for weights."""
        if not self._uses_own_gradient:
            return super()._backward(input_data, weights)
        if self.num_weights == 0 and not (self._input_gradients and self.num_inputs):
            return None, None
        rows = self._rows(input_data, weights)
        angles = self._program.angles
        # By the parameters in their order (inputs, weights), and by those that stand for expressions.
        direct = np.concatenate([angles.inputs_matrix[:, : self.num_inputs], angles.weights_matrix], axis=1)
        through = angles.inputs_matrix[:, self.num_inputs :]
        first = 0 if self._input_gradients else self.num_inputs
        wanted = np.any(direct[:, first:], axis=1) | np.any(through, axis=1)
        shift = ParameterShift(self._program, self._operators, wanted)
        jacobian = shift.jacobian(self._angles(rows), self._expectations)
        total = jacobian @ direct + jacobian @ through @ self._nonlinear.jacobian(rows)
        inputs_jacobian = total[..., : self.num_inputs] if self._input_gradients else None
        return inputs_jacobian, total[..., self.num_inputs :]

    def _rows(self, input_data: Array | None, weights: Array | None) -> Array:
        """Values of all parameters, (num_samples, num_inputs + num_weights)."""
        samples = 1 if input_data is None else len(input_data)
        inputs = np.zeros((samples, self.num_inputs)) if input_data is None else input_data
        values = np.zeros(self.num_weights) if weights is None else weights
        return np.concatenate([inputs, np.broadcast_to(values, (samples, self.num_weights))], axis=1)

    def _angles(self, rows: Array) -> Array:
        """The angle of every rotation, (num_samples, num_angles)."""
        inputs, weights = np.split(rows, [self.num_inputs], axis=1)
        return self._program.angles(np.concatenate([inputs, self._nonlinear.values(rows)], axis=1), weights)

    def _expectations(self, angles: Array) -> Array:
        """(rows, num_angles) to (rows, num_observables), in one PUB."""
        column = [[operator] for operator in self._operators]
        pub = (self._angle_circuit, column, angles) if angles.shape[1] else (self._angle_circuit, column)
        job = self.estimator.run([pub], precision=self._default_precision)
        values = np.asarray(job.result()[0].data.evs, dtype=float)
        return np.broadcast_to(values, (len(self._operators), len(angles))).T.copy()
