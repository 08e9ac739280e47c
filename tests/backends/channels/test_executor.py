from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from backends import UserError, make_backend
from backends.channels.executor import NoisyCircuit
from backends.devices.placement import noisy_placement
from qvunet.ansatz import fqconv, hqconv
from tests.backends.channels.aer_truth import measured, random_noise, saved
from tests.backends.random_circuits import TestAnsatz, ansaetze, reading_anything

DEVICE = "fake_kingston"
PROPERTIES = settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def assert_measured(ansatz, placement, rows=2, scale=1.0, atol=1e-9):
    inputs, weights = ansatz.parameters(rows=rows)
    inputs = scale * inputs
    values = NoisyCircuit(ansatz, placement)(inputs, weights)
    for found, each, own in zip(values, inputs, weights, strict=True):
        expected = measured(ansatz, placement, each.numpy(), own.numpy())
        np.testing.assert_allclose(found, expected, atol=atol)


def layered(num_qubits: int = 3, observables=()) -> TestAnsatz:
    """Inputs at the start and again in the middle, weights between."""
    x, w = ParameterVector("x", num_qubits), ParameterVector("w", 2 * num_qubits)
    circuit = QuantumCircuit(num_qubits)
    for layer in range(2):
        for qubit in range(num_qubits):
            circuit.rx(x[qubit], qubit)
        for qubit in range(num_qubits - 1):
            circuit.crz(w[layer * num_qubits + qubit], qubit, qubit + 1)
        circuit.ry(w[(layer + 1) * num_qubits - 1], 0)
    return TestAnsatz(circuit, [*x], [*w], observables)


@PROPERTIES
@given(ansatz=reading_anything(ansaetze(max_qubits=3, max_gates=5)), seed=st.integers(0, 10**6))
def test_random_circuits_under_random_noise_are_as_aers_density_matrix(ansatz, seed, tmp_path):
    noise = saved(random_noise(seed, ansatz.circuit.num_qubits), tmp_path / "noise.json")
    assert_measured(ansatz, noisy_placement(noise, 1, 0), rows=1)


def test_inputs_that_leave_a_gate_diagonal():
    assert_measured(layered(), noisy_placement(DEVICE, 2, 0, "merged"), scale=0.0)


@pytest.mark.parametrize("lowering", ["pauli", "merged"])
def test_a_device_is_as_aers_density_matrix(lowering):
    observables = [SparsePauliOp("IIZ"), SparsePauliOp(["XZI", "IYY"], [0.5, -0.3])]
    assert_measured(layered(observables=observables), noisy_placement(DEVICE, 2, 0, lowering))


def test_fractional_gates_of_a_device():
    assert_measured(layered(), noisy_placement("fake_fractional", 2, 0, "fractional"))


def test_counts_of_aer_shots_have_these_means():
    torch.manual_seed(0)
    shots = 40_000
    exact = make_backend("statevector", noise_model=DEVICE).layer(layered())
    counted = make_backend("aer_shots", noise_model=DEVICE, shots=shots, seed=1).layer(layered())
    counted.load_state_dict(exact.state_dict())
    inputs = 6 * torch.rand(4, 3)
    with torch.no_grad():
        torch.testing.assert_close(counted(inputs), exact(inputs), atol=5 / shots**0.5, rtol=0)


def test_single_precision_is_within_a_millionth():
    torch.manual_seed(1)
    layer = make_backend("statevector", noise_model=DEVICE).layer(fqconv(num_layers=1))
    inputs = 6 * torch.rand(4, 12)
    single = layer(inputs)
    torch.testing.assert_close(single.double(), layer.double()(inputs.double()), atol=2e-6, rtol=0)


@pytest.mark.parametrize("lowering", ["pauli", "merged"])
def test_gradients_are_those_of_finite_differences(lowering):
    circuit = NoisyCircuit(layered(), noisy_placement(DEVICE, 2, 0, lowering))
    inputs, weights = layered().parameters(seed=3)
    assert torch.autograd.gradcheck(
        circuit, (inputs.requires_grad_(), weights.requires_grad_()), atol=1e-6, rtol=1e-5
    )


def test_second_derivatives_where_angles_are_affine():
    circuit = NoisyCircuit(layered(2), noisy_placement(DEVICE, 2, 0, "pauli"))
    inputs, weights = layered(2).parameters(seed=4, groups=1)
    arguments = (inputs.requires_grad_(), weights.requires_grad_())
    assert torch.autograd.gradgradcheck(circuit, arguments, atol=1e-5)


def test_second_derivatives_are_refused_where_gates_were_merged():
    circuit = NoisyCircuit(layered(2), noisy_placement(DEVICE, 2, 0, "merged"))
    inputs, weights = layered(2).parameters(groups=1)
    first = torch.autograd.grad(circuit(inputs.requires_grad_(), weights).sum(), inputs, create_graph=True)
    with pytest.raises(UserError, match="lowering = pauli"):
        first[0].sum().backward()


def test_every_weight_and_input_of_fqconv_has_a_gradient():
    torch.manual_seed(0)
    layer = make_backend("statevector", noise_model=DEVICE).layer(fqconv(num_layers=1), num_circuits=2)
    inputs = torch.rand(3, 2, 12, requires_grad=True)
    (layer(inputs) ** 2).sum().backward()
    assert inputs.grad.abs().min() > 0
    assert layer.weight.grad.abs().min() > 0


def test_noise_free_models_change_nothing(tmp_path):
    noise = '{"errors": [], "x90_gates": []}'
    (tmp_path / "none.json").write_text(noise)
    ansatz = layered()
    inputs, weights = ansatz.parameters()
    values = NoisyCircuit(ansatz, noisy_placement(str(tmp_path / "none.json"), 1, 0))(inputs, weights)
    torch.testing.assert_close(values, ansatz.expectations(inputs, weights))


def test_a_constant_observable_needs_no_measurement():
    ansatz = layered(2, [SparsePauliOp("II", 0.5)])
    inputs, weights = ansatz.parameters()
    circuit = NoisyCircuit(ansatz, noisy_placement(DEVICE, 2, 0))
    assert circuit(inputs, weights.requires_grad_()).unique().tolist() == [0.5]


def test_a_part_that_is_too_large_is_refused_by_name():
    with pytest.raises(UserError, match=r"takes 12 qubits.*up to 6.*aer_shots"):
        make_backend("statevector", noise_model=DEVICE).layer(hqconv(num_layers=1))
