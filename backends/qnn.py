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

from .emit import circuit_from_operations
from .program import program_from_circuit, without_controls
from .shifts import ParameterShift

Array = npt.NDArray[np.float64]


class BroadcastEstimatorQNN(EstimatorQNN):
    """Drop-in `EstimatorQNN`: same constructor, shapes and values, one PUB for a whole pass.

    The circuit is rewritten with one free parameter for each of its rotations. Parameter values become
    rows of rotation angles, so that the two-term shift rule is exact for every gate and all shifts of all
    samples are rows of one PUB. Both passes ask for `default_precision`.

    Args:
        circuit: standard gates with affine parameters.
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
        super().__init__(
            circuit=circuit,
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
        self._program = program = without_controls(program_from_circuit(self._circuit, inputs, weights))
        self._angle_circuit, _ = circuit_from_operations(
            program.operations, program.num_qubits, program.num_angles
        )
        self._operators = [SparsePauliOp(observable) for observable in self._observables]

    def _forward(self, input_data: Array | None, weights: Array | None) -> Array:
        """One PUB: (num_samples, num_observables)."""
        return self._expectations(self._angles(input_data, weights))

    def _backward(self, input_data: Array | None, weights: Array | None) -> tuple[Any, Any]:
        """One PUB: (num_samples, num_observables, num_inputs) or None, and the same for weights."""
        if not self._uses_own_gradient:
            return super()._backward(input_data, weights)
        if self.num_weights == 0 and not (self._input_gradients and self.num_inputs):
            return None, None
        angles = self._program.angles
        wanted = np.any(angles.weights_matrix, axis=1)
        if self._input_gradients:
            wanted = wanted | np.any(angles.inputs_matrix, axis=1)
        shift = ParameterShift(self._program, self._operators, wanted)
        jacobian = shift.jacobian(self._angles(input_data, weights), self._expectations)
        inputs_jacobian = jacobian @ angles.inputs_matrix if self._input_gradients else None
        return inputs_jacobian, jacobian @ angles.weights_matrix

    def _angles(self, input_data: Array | None, weights: Array | None) -> Array:
        rows = 1 if input_data is None else len(input_data)
        inputs = np.zeros((rows, self.num_inputs)) if input_data is None else input_data
        values = np.zeros(self.num_weights) if weights is None else weights
        return self._program.angles(inputs, np.broadcast_to(values, (rows, self.num_weights)))

    def _expectations(self, angles: Array) -> Array:
        """(rows, num_angles) to (rows, num_observables), in one PUB."""
        column = [[operator] for operator in self._operators]
        pub = (self._angle_circuit, column, angles) if angles.shape[1] else (self._angle_circuit, column)
        job = self.estimator.run([pub], precision=self._default_precision)
        values = np.asarray(job.result()[0].data.evs, dtype=float)
        return np.broadcast_to(values, (len(self._operators), len(angles))).T.copy()
