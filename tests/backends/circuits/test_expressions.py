from __future__ import annotations

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.library import zz_feature_map
from qiskit.primitives import StatevectorEstimator
from qiskit_machine_learning.neural_networks import EstimatorQNN

from backends.aer.exact import AerExactEstimator
from backends.circuits.expressions import NonlinearAngles
from backends.qnn import BroadcastEstimatorQNN

A, B = Parameter("a"), Parameter("b")


def circuit() -> QuantumCircuit:
    made = QuantumCircuit(2)
    made.rx(2 * A + 1, 0)
    made.ry(A * B, 0)
    made.crz(A * B, 0, 1)
    made.ry(B.sin(), 1)
    return made


def test_each_expression_is_named_once_and_affine_ones_stay():
    named = NonlinearAngles(circuit(), [A, B])
    assert len(named.parameters) == 2
    assert named.circuit.parameters == {A, *named.parameters}


def test_composite_gates_are_written_out():
    whole = QuantumCircuit(2)
    whole.append(circuit().to_gate(), [1, 0])
    outer = QuantumCircuit(2)
    outer.append(whole.to_instruction(), [0, 1])
    named = NonlinearAngles(outer, [A, B])
    assert len(named.parameters) == 2
    assert named.circuit.parameters == {A, *named.parameters}


def test_values_and_derivatives():
    rows = np.array([[0.3, 0.7], [1.1, -0.4]])
    named = NonlinearAngles(circuit(), [A, B])
    a, b = rows.T
    np.testing.assert_allclose(named.values(rows), np.stack([a * b, np.sin(b)], axis=1))
    expected = [[[y, x], [0, np.cos(y)]] for x, y in rows]
    np.testing.assert_allclose(named.jacobian(rows), expected)


@pytest.mark.parametrize("input_gradients", [True, False])
def test_a_network_of_such_angles_agrees_with_the_stock_one(input_gradients):
    features, weights = zz_feature_map(2, reps=1), QuantumCircuit(2)
    weights.ry(A * B, 0)
    weights.cx(0, 1)
    weights.ry(A, 1)
    whole = features.compose(weights)
    options = {
        "circuit": whole,
        "input_params": features.parameters,
        "weight_params": [A, B],
        "input_gradients": input_gradients,
        "default_precision": 0.0,
    }
    ours = BroadcastEstimatorQNN(estimator=AerExactEstimator(threads=1), **options)
    rows, values = np.array([[0.3, 0.8], [1.2, -0.5]]), np.array([0.4, 0.9])
    stock = EstimatorQNN(estimator=StatevectorEstimator(), **options)
    np.testing.assert_allclose(ours.forward(rows, values), stock.forward(rows, values), atol=1e-9)
    for mine, theirs in zip(ours.backward(rows, values), stock_gradients(stock, rows, values), strict=True):
        if mine is not None:
            np.testing.assert_allclose(mine, theirs, atol=1e-6)
    assert (ours.backward(rows, values)[0] is None) is not input_gradients


def stock_gradients(network, rows, values, step=1e-5):
    """Central differences of the stock network's values."""

    def forward(change, in_rows):
        return network.forward(rows + change, values) if in_rows else network.forward(rows, values + change)

    for in_rows in (True, False):
        steps = np.eye(2) * step
        columns = [(forward(s, in_rows) - forward(-s, in_rows)) / (2 * step) for s in steps]
        yield np.stack(columns, axis=-1)
