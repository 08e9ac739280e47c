import itertools

import numpy as np
import pytest
from hypothesis import given
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import Operator, random_unitary

from backends.circuits.emission import append_rotation, circuit_from_operations
from backends.circuits.program import Fixed, Rotation, program_from_circuit, without_controls
from qvunet.ansatz import hqconv
from tests.backends.random_circuits import ansaetze, big_endian_state, fidelity, operation_matrix

PAULIS = ["".join(letters) for k in (1, 2, 3) for letters in itertools.product("XYZ", repeat=k)]


def big_endian_unitary(circuit):
    return Operator(circuit.reverse_bits()).data


@pytest.mark.parametrize("pauli", PAULIS)
def test_every_pauli_rotation(pauli):
    rotation = Rotation(pauli, (2, 0, 1)[: len(pauli)], 0)
    circuit = QuantumCircuit(3)
    append_rotation(circuit, rotation, 0.7)
    expected = operation_matrix(rotation, [0.7], 3)
    np.testing.assert_allclose(big_endian_unitary(circuit), expected, atol=1e-14)


def test_a_rotation_of_a_free_parameter_takes_it_once():
    (angle,) = ParameterVector("angle", 1)
    circuit = QuantumCircuit(3)
    append_rotation(circuit, Rotation("YXZ", (0, 1, 2), 0), angle)
    assert sum(bool(gate.operation.params) for gate in circuit.data) == 1


def test_controls_must_be_rewritten_first():
    with pytest.raises(ValueError, match="without_controls"):
        append_rotation(QuantumCircuit(2), Rotation("X", (1,), 0, (0,)), 0.1)


def test_a_constant_matrix_without_its_gate_is_written_as_it_is():
    operation = Fixed(random_unitary(4, seed=0).data, (2, 0))
    circuit, _ = circuit_from_operations([operation], 3, 0)
    np.testing.assert_allclose(big_endian_unitary(circuit), operation_matrix(operation, [], 3), atol=1e-14)


@given(ansaetze(max_qubits=4))
def test_random_circuits_are_written_back(ansatz):
    program = without_controls(program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights))
    circuit, parameters = circuit_from_operations(program.operations, program.num_qubits, program.num_angles)
    assert len(parameters) == program.num_angles
    assert set(circuit.parameters) == set(parameters)
    inputs, weights = (values[0].numpy() for values in ansatz.parameters(groups=1, rows=1))
    angles = program.angles(inputs[0], weights)
    bound = circuit.assign_parameters(dict(zip(parameters, angles, strict=True)))
    expected = big_endian_state(ansatz.bind(inputs[0], weights))
    assert fidelity(big_endian_state(bound), expected) == pytest.approx(1, abs=1e-12)


def test_the_ansaetze_are_written_without_controlled_rotations():
    """Aer binds the parameters of controlled rotations wrongly and without an error."""
    ansatz = hqconv()
    program = without_controls(program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights))
    circuit, _ = circuit_from_operations(program.operations, 12, program.num_angles)
    assert circuit.count_ops() == {"rx": 12 + 14, "rz": 14, "rzz": 14, "rzx": 14}
