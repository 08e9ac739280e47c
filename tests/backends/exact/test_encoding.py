from dataclasses import replace

import numpy as np
import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit

from backends.circuits.program import program_from_circuit
from backends.circuits.structure import components
from backends.exact.encoding import (
    RegisterStates,
    encoding_phases,
    half_angles,
    half_turns,
    product_state,
    split_encoding,
    with_sines,
)
from qvunet.ansatz import hqconv
from tests.backends.random_circuits import big_endian_state

X, W = ParameterVector("x", 3), ParameterVector("w", 3)


def one_component(circuit):
    program = program_from_circuit(circuit, X, W)
    (component,) = components(program)
    return program, component


@pytest.mark.parametrize("num_qubits", [1, 2, 3, 4, 5, 7])
def test_product_state_with_its_phases_is_the_encoded_state(num_qubits):
    angles = np.random.default_rng(num_qubits).uniform(-np.pi, np.pi, (2, 3, num_qubits))
    factors = np.stack([np.cos(angles / 2), np.sin(angles / 2)], axis=-1)
    state = product_state(torch.from_numpy(factors)).numpy() * encoding_phases(num_qubits)
    for index in np.ndindex(2, 3):
        circuit = QuantumCircuit(num_qubits)
        for qubit, angle in enumerate(angles[index]):
            circuit.rx(angle, qubit)
        np.testing.assert_allclose(state[index], big_endian_state(circuit), atol=1e-14)


def test_the_leading_rx_of_each_qubit_is_split_off():
    circuit = QuantumCircuit(3)
    circuit.rx(X[0], 0)
    circuit.rx(W[0], 1)  # a weight may lead too
    circuit.rx(X[1], 0)  # second on its qubit
    circuit.cx(1, 2)
    circuit.rx(X[2], 2)  # not first on its qubit
    circuit.cx(0, 1)
    _, component = one_component(circuit)
    leading, rest = split_encoding(component)
    assert leading == {0: 0, 1: 1}
    assert [operation.qubits for operation in rest] == [(0,), (1, 2), (2,), (0, 1)]


@pytest.mark.parametrize("gate", ["ry", "rz", "h", "crx", "rxx"])
def test_other_first_gates_are_left(gate):
    circuit = QuantumCircuit(2)
    if gate == "h":
        circuit.h(0)
    elif gate in ("ry", "rz"):
        getattr(circuit, gate)(W[0], 0)
    else:
        getattr(circuit, gate)(W[0], 0, 1)
    circuit.rx(X[0], 0)
    circuit.cx(0, 1)
    _, component = one_component(circuit)
    leading, rest = split_encoding(component)
    assert leading == {}
    assert len(rest) == 3


def test_hqconv_leaves_no_input_behind():
    ansatz = hqconv()
    (component,) = components(program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights))
    leading, rest = split_encoding(component)
    assert leading == {qubit: qubit for qubit in range(12)}
    assert len(rest) == 28


def test_encoding_is_of_half_angles_ordered_and_padded():
    circuit = QuantumCircuit(2)
    circuit.rx(2 * X[1] + W[0] + 0.5, 0)
    circuit.cx(0, 1)
    program, component = one_component(circuit)
    leading, _ = split_encoding(component)
    half = half_angles([1, None, 0], leading, [component], program.angles)
    inputs, weights = np.array([[0.1, 0.2, 0.3], [1.0, 2.0, 3.0]]), np.array([0.7, 0.0, 0.0])
    expected = np.array([[0, 0, (0.4 + 0.7 + 0.5) / 2], [0, 0, (4 + 0.7 + 0.5) / 2]])
    np.testing.assert_allclose([half(row, weights) for row in inputs], expected)
    twice = with_sines(half).of_rows(torch.from_numpy(inputs)[None], torch.from_numpy(weights)[None])
    pairs = np.stack([np.cos(expected), np.sin(expected)], axis=-1)
    np.testing.assert_allclose(twice[0].cos().reshape(2, 3, 2), pairs, atol=1e-15)


@pytest.mark.parametrize("num_qubits", [1, 2, 4])
def test_half_turns_are_derivatives(num_qubits):
    def state(half):
        return product_state(torch.stack([half.cos(), half.sin()], dim=-1))

    half = torch.from_numpy(np.random.default_rng(0).uniform(-3, 3, num_qubits))
    slopes = torch.autograd.functional.jacobian(state, half)  # (2^n, n)
    turned = state(half) @ torch.from_numpy(half_turns(num_qubits))
    torch.testing.assert_close(turned, slopes.T.reshape(-1))


def test_register_states_and_their_gradient():
    """Registers of two and one qubits, two circuits, one angle that reads a weight too."""
    circuit = QuantumCircuit(3)
    for qubit in range(3):
        circuit.rx(X[qubit] + (W[0] if qubit == 1 else 0), qubit)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    program, component = one_component(circuit)
    other = replace(component, angles=component.angles[::-1])
    leading, _ = split_encoding(component)
    states = RegisterStates([[0, 1], [2]], leading, [component, other], program.angles)
    rng = np.random.default_rng(0)
    inputs = torch.from_numpy(rng.uniform(-3, 3, (2, 4, 3))).requires_grad_()
    weights = torch.from_numpy(rng.uniform(-3, 3, (2, 3))).requires_grad_()
    values, pull = states(inputs, weights)
    assert values.shape == (2, 2 * 2, 4, 4)
    half = (inputs[0, 0] + torch.stack([torch.zeros(()), weights[0, 0], torch.zeros(())])) / 2
    pairs = torch.stack([half.cos(), half.sin()], dim=-1)
    torch.testing.assert_close(values[0, 0, 0], product_state(pairs[:2]))
    torch.testing.assert_close(values[0, 1, 0], product_state(pairs.flip(0)[:2]))
    torch.testing.assert_close(values[1, 0, 0, ::2], product_state(pairs[2:]))
    gradient = torch.from_numpy(rng.normal(size=tuple(values.shape)))
    wanted = torch.autograd.grad((values * gradient).sum(), (inputs, weights))
    with torch.no_grad():
        torch.testing.assert_close(pull(gradient), wanted)
