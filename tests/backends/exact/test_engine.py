import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from qiskit.circuit import ParameterVector, QuantumCircuit

from backends.exact import ExactEngine, engine
from backends.exact.chain import RegisterChain
from backends.exact.dense import DenseState
from qvunet.ansatz import basic_entangler, fqconv, hqconv
from tests.backends.exact.forced import METHODS, forced, program_of
from tests.backends.random_circuits import TestAnsatz, ansaetze, chains, reuploading

X, W = ParameterVector("x", 4), ParameterVector("w", 4)


def assert_exact(ansatz, engine=None):
    inputs, weights = ansatz.parameters(rows=3)
    engine = engine or ExactEngine(program_of(ansatz))
    expected = ansatz.expectations(inputs, weights)
    torch.testing.assert_close(engine.expectations(inputs, weights), expected, atol=1e-12, rtol=0)


@settings(max_examples=30)
@given(ansaetze())
def test_random_circuits(ansatz):
    assert_exact(ansatz)


@settings(max_examples=15)
@given(chains())
def test_random_chains(ansatz):
    assert_exact(ansatz)


@pytest.mark.parametrize(
    ("ansatz", "method", "num_circuits"),
    [
        (hqconv(1), RegisterChain, 1),
        (hqconv(3), RegisterChain, 1),
        (fqconv(1), RegisterChain, 4),
        (basic_entangler(4, 4), RegisterChain, 1),
        (basic_entangler(8, 1), DenseState, 1),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_choice_of_method(ansatz, method, num_circuits):
    (simulator,) = ExactEngine(program_of(ansatz)).simulators
    assert type(simulator) is method
    assert simulator.num_circuits == num_circuits


@pytest.mark.parametrize(
    ("ansatz", "described"),
    [
        (fqconv(1), "4 x 3 qubits: one register"),
        (hqconv(2), "1 x 12 qubits: a chain of 3 registers, bonds 4, 4"),
        (basic_entangler(8, 1), "1 x 8 qubits: all 256 amplitudes, steps after the product state: 1"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_engine_says_which_method_it_took(ansatz, described):
    assert ExactEngine(program_of(ansatz)).describe() == described


@pytest.mark.parametrize("method", METHODS)
def test_fqconv_by_either_method(method):
    ansatz = fqconv(2)
    program = program_of(ansatz)
    test = TestAnsatz(ansatz.circuit, [*ansatz.inputs], [*ansatz.weights])
    inputs, weights = test.parameters(groups=1, rows=2)
    values = forced(method, program).expectations(inputs, weights)
    torch.testing.assert_close(values, test.expectations(inputs, weights), atol=1e-12, rtol=0)


def test_interleaved_components_come_back_in_qubit_order():
    circuit = QuantumCircuit(7)
    for k, qubit in enumerate((5, 0, 3, 6)):
        circuit.rx(X[k], qubit)
    circuit.crx(W[0], 5, 1)
    circuit.crx(W[1], 0, 4)  # the shape of the first, mirrored
    circuit.cry(W[2], 3, 6)
    circuit.ry(W[3], 2)
    assert_exact(TestAnsatz(circuit, [*X], [*W]))


def test_a_circuit_without_parameters():
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 2)
    circuit.ry(0.4, 2)
    assert_exact(TestAnsatz(circuit, [], []))


def test_an_empty_circuit_leaves_every_qubit_in_zero():
    engine = ExactEngine(program_of(TestAnsatz(QuantumCircuit(3), [], [])))
    values = engine.expectations(torch.zeros(2, 5, 0), torch.zeros(2, 0))
    torch.testing.assert_close(values, torch.ones(2, 5, 3))


def test_parameters_that_the_circuit_does_not_use():
    circuit = QuantumCircuit(2)
    circuit.rx(X[3], 0)
    circuit.crx(W[2], 0, 1)
    assert_exact(TestAnsatz(circuit, [*X], [*W]))


@pytest.mark.parametrize(
    "angles",
    [
        (X[0], W[0]),
        (W[0], X[0]),
        (W[0], W[1] + X[1]),
    ],
    ids=["input-weight", "weight-input", "weight-both"],
)
@pytest.mark.parametrize("encoded", [False, True])
def test_components_of_one_shape_of_which_some_read_inputs(angles, encoded):
    circuit = QuantumCircuit(2)
    if encoded:
        circuit.rx(X[2], 0)
        circuit.rx(X[3], 1)
    for qubit, angle in enumerate(angles):
        circuit.ry(angle, qubit)
    assert_exact(TestAnsatz(circuit, [*X], [*W]))


def test_every_group_has_its_own_weights():
    ansatz = hqconv(1)
    engine = ExactEngine(program_of(ansatz))
    inputs, weights = torch.rand(3, 2, 12), torch.rand(3, 28)
    together = engine.expectations(inputs, weights)
    apart = [engine.expectations(inputs[g : g + 1], weights[g : g + 1]) for g in range(3)]
    torch.testing.assert_close(together, torch.cat(apart))
    assert not torch.allclose(together[0], engine.expectations(inputs[:1], weights[1:2])[0], atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_inference_first_and_training_after(method):
    """What the first call keeps for the next ones must not be bound to its mode, precision or values."""
    ansatz = basic_entangler(3, 2)
    program = program_of(ansatz)
    used, fresh = forced(method, program), forced(method, program)
    inputs, weights = torch.rand(1, 2, 3), torch.rand(1, 6)
    with torch.inference_mode():
        used.expectations(inputs, weights)
    with torch.no_grad():
        used.expectations(inputs.double(), weights.double())
    gradients = []
    for simulated in (used, fresh):
        w = weights.clone().requires_grad_()
        simulated.expectations(inputs, w).sum().backward()
        gradients.append(w.grad)
    torch.testing.assert_close(*gradients)


def test_copies_are_independent_and_equal():
    ansatz = fqconv(1)
    engine = ExactEngine(program_of(ansatz))
    inputs, weights = torch.rand(1, 2, 12), torch.rand(1, 24)
    values = engine.expectations(inputs, weights)
    torch.testing.assert_close(copy.deepcopy(engine).expectations(inputs, weights), values)


@pytest.mark.parametrize("make", [reuploading, lambda: basic_entangler(5, 2), lambda: hqconv(1)])
@pytest.mark.parametrize("rows_a_chunk", [1, 2, 3])
def test_chunks_change_neither_values_nor_gradients(make, rows_a_chunk, monkeypatch):
    ansatz = make()
    simulated = ExactEngine(program_of(ansatz))
    rng = np.random.default_rng(0)
    inputs = torch.from_numpy(rng.uniform(-3, 3, (2, 7, len(ansatz.inputs)))).requires_grad_()
    weights = torch.from_numpy(rng.uniform(-3, 3, (2, len(ansatz.weights)))).requires_grad_()
    coefficients = torch.linspace(-1, 1, ansatz.circuit.num_qubits, dtype=torch.float64)
    rows = []
    original = ExactEngine._whole
    monkeypatch.setattr(
        ExactEngine, "_whole", lambda self, x, w: rows.append(x.shape[1]) or original(self, x, w)
    )

    def run():
        rows.clear()
        values = simulated.expectations(inputs, weights)
        return values, *torch.autograd.grad((values * coefficients).sum(), (inputs, weights))

    whole = run()
    assert rows == [7]
    bytes_a_row = 2 * simulated.row_size * 16  # two groups, complex128
    monkeypatch.setattr(engine, "CHUNK_BYTES", rows_a_chunk * bytes_a_row)
    chunks = run()
    assert sum(rows) == 7
    assert max(rows) == rows_a_chunk
    torch.testing.assert_close(chunks, whole, atol=1e-12, rtol=0)


def test_a_row_larger_than_a_chunk_is_still_worked_on(monkeypatch):
    monkeypatch.setattr(engine, "CHUNK_BYTES", 1)
    assert_exact(reuploading())
    with torch.inference_mode():
        assert_exact(reuploading())
