from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.circuit.library import StatePreparation
from qiskit.quantum_info import SparsePauliOp, Statevector

from backends import PreparedState, UserError, make_backend
from tests.backends.random_circuits import TestAnsatz, ansaetze, bending_angles, reading_anything

X, W = ParameterVector("x", 2), ParameterVector("w", 3)


def small(observables=()) -> TestAnsatz:
    circuit = QuantumCircuit(2)
    circuit.rx(X[0], 0)
    circuit.crz(W[0], 1, 0)
    circuit.ry(W[1] * X[1], 1)
    circuit.crx(W[2], 0, 1)
    return TestAnsatz(circuit, [*X], [*W], observables)


def amplitudes_of(num_qubits: int, rows: int = 3, seed: int = 0, dtype=torch.complex128) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 2**num_qubits, dtype=dtype, generator=generator)


def expected(ansatz: TestAnsatz, amplitudes, inputs, weights) -> np.ndarray:
    values = []
    for row, x in zip(amplitudes.numpy(), inputs.numpy(), strict=True):
        state = Statevector(row / np.linalg.norm(row)).evolve(ansatz.bind(x, weights.numpy()))
        values.append([state.expectation_value(observable).real for observable in ansatz.observables])
    return np.array(values)


@settings(deadline=None, max_examples=40)
@given(
    ansatz=st.one_of(reading_anything(ansaetze(max_qubits=4, max_gates=8)), bending_angles(ansaetze(3, 5))),
    dtype=st.sampled_from([torch.complex128, torch.float64]),
)
def test_values_are_those_of_qiskits_statevector(ansatz, dtype):
    inputs, weights = ansatz.parameters(groups=1, rows=2)
    inputs, weights = 0.3 * inputs[0], 0.3 * weights[0]  # where every expression is smooth
    amplitudes = amplitudes_of(ansatz.circuit.num_qubits, rows=2, dtype=dtype)
    layer = PreparedState(ansatz).double()
    with torch.no_grad():
        layer.weight.copy_(weights)
    values = layer(amplitudes, inputs).detach().numpy()
    np.testing.assert_allclose(values, expected(ansatz, amplitudes, inputs, weights), atol=1e-9)


def test_the_order_of_amplitudes_is_qiskits():
    circuit = QuantumCircuit(3)
    layer = PreparedState(TestAnsatz(circuit, [], []))
    assert layer(torch.eye(8)[[1, 4]]).tolist() == [[-1, 1, 1], [1, 1, -1]]


@pytest.mark.parametrize("dtype", [torch.complex128, torch.float64])
def test_derivatives_in_amplitudes_inputs_and_weights(dtype):
    layer = PreparedState(small([SparsePauliOp("IZ"), SparsePauliOp(["XY", "ZZ"], [0.5, 1.0])])).double()
    amplitudes = amplitudes_of(2, dtype=dtype).requires_grad_()
    inputs = torch.rand(3, 2, dtype=torch.float64, requires_grad=True)

    def values(amplitudes, inputs, weight):
        return torch.func.functional_call(layer, {"weight": weight}, (amplitudes, inputs))

    arguments = (amplitudes, inputs, layer.weight)
    assert torch.autograd.gradcheck(values, arguments)
    assert torch.autograd.gradgradcheck(values, arguments)


def test_only_the_direction_of_a_row_matters():
    layer = PreparedState(small()).double()
    amplitudes, inputs = amplitudes_of(2).requires_grad_(), torch.rand(3, 2, dtype=torch.float64)
    torch.testing.assert_close(layer(5 * amplitudes, inputs), layer(amplitudes, inputs))
    (gradient,) = torch.autograd.grad(layer(amplitudes, inputs).sum(), amplitudes)
    along = (gradient.conj() * amplitudes).real.sum(-1)
    torch.testing.assert_close(along, torch.zeros_like(along), atol=1e-12, rtol=0)


def test_rows_may_be_mapped():
    layer = PreparedState(small()).double()
    amplitudes, inputs = amplitudes_of(2), torch.rand(3, 2, dtype=torch.float64)
    each = torch.vmap(lambda a, x: layer(a[None], x[None])[0])(amplitudes, inputs)
    torch.testing.assert_close(each, layer(amplitudes, inputs))


def test_single_precision_and_the_weights_of_a_layer():
    torch.manual_seed(0)
    plain = make_backend("statevector").layer(small())
    layer = PreparedState(small(), make_backend("statevector"))
    layer.load_state_dict(plain.state_dict())
    inputs = torch.rand(4, 2)
    ground = torch.eye(4)[[0] * 4]
    assert layer(ground, inputs).dtype == torch.float32
    torch.testing.assert_close(layer(ground, inputs), plain(inputs), atol=1e-6, rtol=0)
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(again(ground, inputs), layer(ground, inputs))


def test_an_observable_may_be_a_constant():
    layer = PreparedState(TestAnsatz(QuantumCircuit(1), [], [], [SparsePauliOp("I", 2.0)]))
    assert layer(torch.ones(3, 2)).tolist() == [[2.0]] * 3


@pytest.mark.parametrize("row", [[0.0, 0.0], [math.nan, 1.0], [math.inf, 0.0]])
def test_a_row_without_a_direction_is_refused(row):
    layer = PreparedState(TestAnsatz(QuantumCircuit(1), [], []))
    with pytest.raises(ValueError, match="row 1 is zero or not finite"):
        layer(torch.tensor([[1.0, 0.0], row]))


def test_shapes_are_refused_by_name():
    layer = PreparedState(small())
    with pytest.raises(ValueError, match=r"amplitudes.*\(batch, 4\)"):
        layer(torch.ones(1, 8), torch.ones(1, 2))
    with pytest.raises(ValueError, match=r"inputs.*\(2, 2\)"):
        layer(torch.ones(2, 4))


@pytest.mark.parametrize(
    ("name", "options", "named"),
    [
        ("statevector", {"shots": 10}, "statevector with shots"),
        ("statevector", {"noise_model": "fake_kingston"}, "noise_model"),
        ("aer_statevector", {}, "backend aer_statevector"),
        ("aer_shots", {}, "backend aer_shots with shots"),
    ],
)
def test_other_backends_are_refused_by_name(name, options, named):
    with pytest.raises(UserError, match=f"{named}.*initialize"):
        PreparedState(small(), make_backend(name, **options))


@pytest.mark.parametrize("prepare", ["initialize", "state_preparation"])
@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("statevector", {}, 1e-5),
        ("aer_statevector", {}, 1e-5),
        ("statevector", {"shots": 20_000}, 0.05),
        ("aer_shots", {"shots": 20_000}, 0.05),
        ("aer_shots", {"shots": 20_000, "noise_model": "fake_kingston"}, 0.2),
        ("ibm_runtime", {"backend_name": "fake_kingston", "shots": 4096}, 0.2),
    ],
)
def test_fixed_amplitudes_at_the_start_on_every_backend(prepare, name, options, tolerance):
    fixed = amplitudes_of(2, rows=1)[0].numpy()
    fixed /= np.linalg.norm(fixed)
    circuit = QuantumCircuit(2)
    if prepare == "initialize":
        circuit.initialize(fixed, [0, 1])
    else:
        circuit.append(StatePreparation(fixed), [0, 1])
    ansatz = TestAnsatz(circuit.compose(small().circuit), [*X], [*W])
    layer = make_backend(name, **options).layer(ansatz)
    inputs = torch.rand(2, 2)
    rows = torch.from_numpy(np.stack([fixed, fixed]))
    with torch.no_grad():
        values = layer(inputs).numpy()
        np.testing.assert_allclose(values, expected(small(), rows, inputs, layer.weight), atol=tolerance)
