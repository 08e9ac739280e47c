import numpy as np
from hypothesis import given, settings
from qiskit.quantum_info import SparsePauliOp, Statevector

from tests.backends import truth
from tests.backends.interaction_graphs import graph_circuits
from tests.backends.random_circuits import TestAnsatz


@settings(max_examples=25)
@given(graph_circuits(max_qubits=5, max_layers=2))
def test_is_what_qiskit_says(ansatz: TestAnsatz):
    n = ansatz.circuit.num_qubits
    rng = np.random.default_rng(0)
    parameters = [*ansatz.inputs, *ansatz.weights]
    rows = rng.uniform(-3, 3, (3, len(parameters)))
    letters = ["".join(rng.choice(list("IXYZ"), n)) for _ in range(3)]
    observables = [SparsePauliOp(letters, [0.3, -1.2, 2.0]), SparsePauliOp(letters[:1])]
    expected = [
        [
            Statevector(ansatz.circuit.assign_parameters(dict(zip(parameters, row, strict=True))))
            .expectation_value(observable)
            .real
            for observable in observables
        ]
        for row in rows
    ]
    found = truth.expectations(ansatz.circuit, parameters, rows, observables)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_differences():
    def function(rows):
        return np.sin(rows[:, 0]) * rows[:, 1] ** 2

    point, u, v = np.array([0.4, 1.3]), np.array([1.0, 0.5]), np.array([-0.2, 2.0])
    sin, cos, y = np.sin(0.4), np.cos(0.4), 1.3
    np.testing.assert_allclose(truth.gradient(function, point), [cos * y**2, 2 * sin * y], atol=1e-10)
    hessian = np.array([[-sin * y**2, 2 * cos * y], [2 * cos * y, 2 * sin]])
    np.testing.assert_allclose(truth.curvature(function, point, u, v), u @ hessian @ v, atol=1e-7)
