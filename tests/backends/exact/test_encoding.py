import numpy as np
import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit

from backends.exact.encoding import encoding_angles, encoding_phases, product_state, split_encoding
from backends.program import program_from_circuit
from backends.structure import components
from qvunet.ansatz import hqconv

from ..circuits import big_endian_state

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
    encoding = encoding_angles([1, None, 0], leading, [component], program.angles)
    inputs, weights = torch.tensor([[[0.1, 0.2, 0.3], [1.0, 2.0, 3.0]]]), torch.tensor([[0.7, 0.0, 0.0]])
    half = torch.tensor([[[0, 0, (0.4 + 0.7 + 0.5) / 2], [0, 0, (4 + 0.7 + 0.5) / 2]]])
    expected = torch.stack([half.cos(), half.sin()], dim=-1)
    torch.testing.assert_close(encoding.of_rows(inputs, weights), expected)
