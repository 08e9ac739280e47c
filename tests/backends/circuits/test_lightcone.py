import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from backends.circuits.lightcone import affected_observables, compatible_groups
from backends.circuits.program import Rotation, big_endian, program_from_circuit, without_controls
from qvunet.ansatz import fqconv, hqconv
from tests.backends.random_circuits import ansaetze, program_state, z_observables

W = ParameterVector("w", 8)


def read(ansatz):
    return program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights)


def cone_of(circuit, label):
    """Which of a circuit's angles affect one Pauli string."""
    return affected_observables(program_from_circuit(circuit, [], W), [SparsePauliOp(label)])[:, 0].tolist()


def derivatives(program, observables, seed):
    """|d<O>/d angle|, (num_angles, num_observables), by central differences at random angles."""
    step = 1e-5
    angles = np.random.default_rng(seed).uniform(-np.pi, np.pi, program.num_angles)
    matrices = [big_endian(observable.to_matrix()) for observable in observables]

    def values(at):
        state = program_state(program, at)
        return np.array([(state.conj() @ matrix @ state).real for matrix in matrices])

    shifts = step * np.eye(program.num_angles)
    return np.array([abs(values(angles + s) - values(angles - s)) / (2 * step) for s in shifts])


@st.composite
def observables_on(draw, num_qubits):
    labels = st.text("IXYZ", min_size=num_qubits, max_size=num_qubits)
    terms = draw(st.lists(labels, min_size=1, max_size=2))
    return SparsePauliOp(terms, range(1, len(terms) + 1))


@settings(max_examples=40)
@given(st.data(), ansaetze(max_qubits=4, max_gates=8).filter(lambda a: a.weights), st.booleans())
def test_cones_are_never_too_small(data, ansatz, lowered):
    program = without_controls(read(ansatz)) if lowered else read(ansatz)
    n = program.num_qubits
    observables = z_observables(n) + data.draw(st.lists(observables_on(n), min_size=1, max_size=2))
    affected = affected_observables(program, observables)
    assert affected.shape == (program.num_angles, len(observables))
    if program.num_angles:
        moving = derivatives(program, observables, seed=0) > 1e-6
        assert not np.any(moving & ~affected)


def test_cones_of_one_fqconv_layer_are_exact():
    """Registers control 0->2, 2->1, 1->0: <Z> of register 2 sees the first pair, of 1 the first two."""
    ansatz = fqconv(1)
    affected = affected_observables(read(ansatz), ansatz.observables)
    expected = np.zeros((12 + 24, 12), dtype=bool)
    for p in range(4):
        first, second, third = [[12 + 8 * k + 3 - p, 12 + 8 * k + 7 - p] for k in range(3)]
        expected[[p, p + 4, p + 8, *first, *second, *third], p] = True
        expected[[p, p + 4, p + 8, *first, *second], p + 4] = True
        expected[[p, p + 8, *first], p + 8] = True
    np.testing.assert_array_equal(affected, expected)


def test_cones_of_one_hqconv_layer():
    """Only <Z_4> and <Z_8> see B gates: the one is turned by both neighbours, the other by its control."""
    ansatz = hqconv(1)
    affected = affected_observables(read(ansatz), ansatz.observables)
    b_gates = affected[12 + 24 :]
    assert np.flatnonzero(b_gates.any(axis=0)).tolist() == [4, 8]
    a_blocks = affected[12:36].reshape(3, 8, 3, 4).any(axis=(1, 3))  # (block, register observed)
    np.testing.assert_array_equal(a_blocks, [[True, True, False], [False, True, True], [False, True, True]])


def test_diagonal_gates_before_a_z_measurement_do_not_matter():
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.rz(W[0], 0)
    circuit.rzz(W[1], 0, 1)
    circuit.crz(W[2], 1, 0)
    assert cone_of(circuit, "ZZ") == [False, False, False]
    assert cone_of(circuit, "IX") == [True, True, True]
    assert cone_of(circuit, "XI") == [False, True, True]


def test_the_control_of_a_rotation_is_diagonal():
    circuit = QuantumCircuit(2)
    circuit.crx(W[0], 0, 1)
    assert cone_of(circuit, "IZ") == [False]
    assert cone_of(circuit, "IX") == [True]
    assert cone_of(circuit, "XI") == [False]
    assert cone_of(circuit, "ZI") == [True]


def test_a_cone_that_has_grown_takes_in_what_commuted_before():
    circuit = QuantumCircuit(2)
    circuit.rz(W[0], 1)
    circuit.crx(W[1], 0, 1)
    assert cone_of(circuit, "ZI") == [True, True]


def test_constant_gates_carry_the_cone():
    circuit = QuantumCircuit(3)
    circuit.rx(W[0], 0)
    circuit.rx(W[1], 1)
    circuit.swap(0, 1)
    assert cone_of(circuit, "IIZ") == [True, True]  # too large is allowed: a swap is not looked into
    assert cone_of(circuit, "ZII") == [False, False]


def test_an_identity_observable_is_affected_by_nothing():
    circuit = QuantumCircuit(1)
    circuit.rx(W[0], 0)
    assert cone_of(circuit, "I") == [False]


def test_terms_that_differ_on_a_qubit_are_all_minded():
    circuit = QuantumCircuit(2)
    circuit.rz(W[0], 0)
    circuit.rx(W[1], 1)
    observable = SparsePauliOp(["IZ", "IX", "XI"])
    affected = affected_observables(program_from_circuit(circuit, [], W), [observable])
    assert affected[:, 0].tolist() == [True, False]


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=12))
def test_groups_are_a_partition_without_shared_observables(rows):
    affected = np.array(rows)
    groups = compatible_groups(affected)
    assert sorted(angle for group in groups for angle in group) == np.flatnonzero(affected.any(1)).tolist()
    for group in groups:
        assert affected[group].sum(axis=0).max() <= 1


def test_no_angle_that_matters_needs_no_group():
    assert compatible_groups(np.zeros((4, 2), dtype=bool)) == []


@pytest.mark.parametrize("num_layers", [1, 2])
def test_the_columns_of_fqconv_share_their_executions(num_layers):
    ansatz = fqconv(num_layers)
    program = without_controls(read(ansatz))
    affected = affected_observables(program, ansatz.observables)
    a_column = sum(isinstance(o, Rotation) for o in program.operations) // 4
    groups = compatible_groups(affected)
    assert len(groups) == a_column == 3 + 12 * num_layers
    assert all(len(group) == 4 for group in groups)
