"""Any observables, on every backend and by every gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from backends import make_backend
from tests.backends import truth
from tests.backends.interaction_graphs import graph_circuits
from tests.backends.random_circuits import TestAnsatz, reading_anything

OBSERVABLES = [
    SparsePauliOp(["IIXX", "ZIII", "IIII"], [0.5, -1.0, 0.25]),
    SparsePauliOp(["IYIZ", "IIIY"], [1.0, 2.0]),
    SparsePauliOp("IIIZ"),
    SparsePauliOp("IIII", 3.0),
]
EXACT = [
    {"name": "statevector"},
    {"name": "statevector", "gradient": "param_shift"},
    {"name": "aer_statevector"},
    {"name": "aer_statevector", "gradient": "surrogate"},
]
MEASURED = [
    {"name": name, "gradient": gradient}
    for name in ("statevector", "aer_shots")
    for gradient in ("param_shift", "surrogate")
]


def two_parts() -> TestAnsatz:
    """Two independent pairs of qubits, interleaved."""
    x, w = ParameterVector("x", 4), ParameterVector("w", 3)
    circuit = QuantumCircuit(4)
    for qubit in range(4):
        circuit.rx(x[qubit], qubit)
    circuit.cry(w[0], 0, 2)
    circuit.crx(w[1], 1, 3)
    circuit.ry(w[2], 0)
    return TestAnsatz(circuit, [*x], [*w], OBSERVABLES)


def layer_of(ansatz, name, **options):
    torch.manual_seed(0)
    return make_backend(name, **options).layer(ansatz)


def expected_values(ansatz, layer, inputs):
    weights = layer.weight.detach().double().expand(len(inputs), -1)
    rows = torch.cat([inputs.detach().double(), weights], dim=1).numpy()
    return truth.expectations(ansatz.circuit, [*ansatz.inputs, *ansatz.weights], rows, ansatz.observables)


def gradients(layer, inputs):
    coefficients = torch.linspace(0.3, 1.0, len(layer.ansatz.observables))
    tracked = inputs.clone().requires_grad_()
    layer.zero_grad()
    (layer(tracked) @ coefficients.to(inputs)).mean().backward()
    return torch.cat([tracked.grad.sum(0), layer.weight.grad])


@pytest.mark.parametrize("options", EXACT, ids=str)
def test_exact(options):
    ansatz = two_parts()
    layer = layer_of(ansatz, **options).double()
    inputs = torch.randn(3, 4, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    values = layer(inputs)
    assert values.shape == (3, 4)
    np.testing.assert_allclose(values.detach(), expected_values(ansatz, layer, inputs), atol=1e-6)
    reference = layer_of(ansatz, "statevector").double()
    reference.load_state_dict(layer.state_dict())
    torch.testing.assert_close(gradients(layer, inputs), gradients(reference, inputs), atol=1e-6, rtol=0)


@pytest.mark.parametrize("options", MEASURED, ids=str)
def test_measured(options):
    ansatz, shots, rows = two_parts(), 200, 600
    layer = layer_of(ansatz, shots=shots, **options)
    inputs = torch.tensor([[0.4, 1.3, -0.7, 2.0]]).expand(rows, 4)
    with torch.no_grad():
        values = layer(inputs).double().numpy()
    expected = expected_values(ansatz, layer, inputs[:1])[0]
    assert np.all(np.abs(values.mean(axis=0) - expected) < 5 * 3 / (shots * rows) ** 0.5)
    assert np.all(values[:, 3] == 3)
    exact = layer_of(ansatz, "statevector")
    exact.load_state_dict(layer.state_dict())
    slopes, right = gradients(layer, inputs), gradients(exact, inputs)
    assert (slopes - right).abs().max() < 5 * 3 / (shots * rows) ** 0.5


def test_spsa():
    ansatz = two_parts()
    layer = layer_of(ansatz, "statevector", gradient="spsa", shots=1000, spsa_directions=100)
    inputs = torch.tensor([[0.4, 1.3, -0.7, 2.0]]).expand(20, 4)
    exact = layer_of(ansatz, "statevector")
    exact.load_state_dict(layer.state_dict())
    assert (gradients(layer, inputs) - gradients(exact, inputs)).abs().max() < 0.2


@pytest.mark.parametrize("name", ["statevector", "aer_shots"])
def test_products_over_independent_parts_scatter_as_in_one_experiment(name):
    """Fair, independent bits: the error of their parity is that of any fair bit."""
    x = ParameterVector("x", 2)
    circuit = QuantumCircuit(2)
    circuit.rx(x[0], 0)
    circuit.rx(x[1], 1)
    ansatz = TestAnsatz(circuit, [*x], [], [SparsePauliOp("ZZ"), SparsePauliOp("IZ"), SparsePauliOp("XX")])
    shots, rows = 50, 2000
    with torch.no_grad():
        values = layer_of(ansatz, name, shots=shots)(torch.full((rows, 2), torch.pi / 2)).double()
    assert values.var(0).numpy() * shots == pytest.approx(1, rel=0.15)
    assert abs(values.mean(0)).max() < 5 / (shots * rows) ** 0.5


@pytest.mark.parametrize("name", ["statevector", "aer_shots"])
def test_executions_count_the_bases(name):
    layer = layer_of(two_parts(), name, shots=10)
    layer.backend.start_step(0)
    layer(torch.rand(3, 4))  # the first qubit is read in X, in Y and in Z
    assert layer.backend.tally.circuits == 3 * 3
    assert layer.backend.tally.executions == 3 * 3 * 10


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reading_anything(graph_circuits(max_qubits=4, max_layers=2)))
def test_random_circuits_on_aer(ansatz):
    inputs, weights = ansatz.parameters(groups=1)
    values = make_backend("aer_statevector", threads=1).compile(ansatz)(inputs, weights)
    rows = torch.cat([inputs[0], weights.expand(2, -1)], dim=1).numpy()
    expected = truth.expectations(ansatz.circuit, [*ansatz.inputs, *ansatz.weights], rows, ansatz.observables)
    np.testing.assert_allclose(values[0], expected, atol=1e-6)
