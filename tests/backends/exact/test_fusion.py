import numpy as np
import pytest
from qiskit.circuit.library import CXGate, CYGate, CZGate
from qiskit.quantum_info import random_unitary

from backends.circuits.program import Fixed, Rotation, big_endian
from backends.exact.fusion import (
    PAULIS,
    WORD_LENGTH,
    FusedGate,
    absorb_constants,
    conditional,
    conditional_fixed,
    embed,
    fixed_gate,
    projectors,
    rotation_gate,
    words,
)
from tests.backends.exact.gates import PATTERNS, matrix_at, product, sequence
from tests.backends.random_circuits import PAULI_MATRICES, kron, operation_matrix

ROTATIONS = [
    Rotation("X", (1,), 0),
    Rotation("Y", (0,), 0),
    Rotation("ZX", (2, 0), 0),
    Rotation("XYZ", (1, 2, 0), 0),
    Rotation("Y", (1,), 0, (2,)),
    Rotation("Z", (0,), 0, (2, 1)),
    Rotation("YX", (2, 0), 0, (1,)),
]
CROSSING = [Rotation(a + b, (0, 1), 0) for a, b in ["XX", "YY", "ZZ", "ZX", "XZ", "YX"]] + [
    Rotation(p, (1,), 0, (0,)) for p in "XYZ"
]


@pytest.mark.parametrize("qubits", [(0,), (2,), (0, 1), (2, 0), (1, 3), (3, 1, 0), (2, 0, 3, 1)])
def test_embed(qubits):
    matrix = random_unitary(2 ** len(qubits), seed=1).data
    np.testing.assert_allclose(embed(matrix, qubits, 4), operation_matrix(Fixed(matrix, qubits), [], 4))


@pytest.mark.parametrize("rotation", ROTATIONS, ids=str)
@pytest.mark.parametrize("angle", [0.0, 0.7, -2.9])
def test_rotation_gate(rotation, angle):
    gate = rotation_gate(rotation, 3)
    assert gate.angle == 0
    assert gate.link is None
    np.testing.assert_allclose(matrix_at(gate, angle), operation_matrix(rotation, [angle], 3), atol=1e-15)


def test_fixed_gate_takes_no_angle():
    matrix = random_unitary(4, seed=2).data
    gate = fixed_gate(Fixed(matrix, (2, 0)), 3)
    assert gate.angle is None
    np.testing.assert_allclose(matrix_at(gate, 1.3), operation_matrix(Fixed(matrix, (2, 0)), [], 3))


@pytest.mark.parametrize("pauli", "XYZ")
def test_projectors_are_the_eigenspaces_plus_first(pauli):
    gate = projectors(pauli, 1, 2, link=4)
    plus, minus = matrix_at(gate, 0.0), matrix_at(gate, 0.0, branch=1)
    whole = np.kron(np.eye(2), PAULI_MATRICES[pauli])
    assert gate.link == 4
    np.testing.assert_allclose(plus + minus, np.eye(4), atol=1e-15)
    np.testing.assert_allclose(plus - minus, whole, atol=1e-15)
    np.testing.assert_allclose(PAULIS[pauli], PAULI_MATRICES[pauli])


@pytest.mark.parametrize("rotation", CROSSING, ids=str)
@pytest.mark.parametrize("angle", [0.9, -2.1])
def test_a_crossing_rotation_is_the_sum_of_its_branches(rotation, angle):
    """Projector on the first qubit's register (x) conditional gate on the second's."""
    basis = "Z" if rotation.controls else rotation.pauli[0]
    control = projectors(basis, 0, 1, link=0)
    target = conditional(rotation, projected=0, position=0, num_qubits=1, link=0)
    total = sum(np.kron(matrix_at(control, 0.0, s), matrix_at(target, angle, s)) for s in (0, 1))
    np.testing.assert_allclose(total, operation_matrix(rotation, [angle], 2), atol=1e-15)


@pytest.mark.parametrize("rotation", CROSSING[:6], ids=str)
def test_a_pauli_rotation_may_be_projected_on_either_side(rotation):
    control = projectors(rotation.pauli[1], 0, 1, link=0)
    target = conditional(rotation, projected=1, position=0, num_qubits=1, link=0)
    total = sum(np.kron(matrix_at(target, 0.9, s), matrix_at(control, 0.0, s)) for s in (0, 1))
    np.testing.assert_allclose(total, operation_matrix(rotation, [0.9], 2), atol=1e-15)


@pytest.mark.parametrize("gate", [CXGate(), CYGate(), CZGate()], ids=str)
def test_a_crossing_constant_gate_is_the_sum_of_its_branches(gate):
    matrix = big_endian(gate.to_matrix())
    control = projectors("Z", 0, 1, link=0)
    target = conditional_fixed([matrix[:2, :2], matrix[2:, 2:]], 0, 1, link=0)
    total = sum(np.kron(matrix_at(control, 0.0, s), matrix_at(target, 0.0, s)) for s in (0, 1))
    np.testing.assert_allclose(total, matrix, atol=1e-15)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("branches", [{0: 0, 1: 1}, {0: 1, 1: 0}])
def test_absorbing_constants_keeps_the_product(pattern, branches):
    gates = sequence(pattern)
    merged = absorb_constants(gates)
    angles = np.random.default_rng(1).uniform(-3, 3, len(gates))
    np.testing.assert_allclose(
        product(merged, angles, branches), product(gates, angles, branches), atol=1e-13
    )


def test_constants_vanish_into_rotations():
    assert [gate.angle for gate in absorb_constants(sequence("ccrccrc"))] == [0, 1]
    assert len(absorb_constants(sequence("ccc"))) == 1


@pytest.mark.parametrize("pattern", PATTERNS)
def test_words_are_short_and_have_one_link_or_none(pattern):
    gates = sequence(pattern)
    cut = words(gates)
    assert [gate for word in cut for gate in word.gates] == gates
    for word in cut:
        assert len(word.gates) <= WORD_LENGTH
        assert {gate.link for gate in word.gates} == {word.link}
        assert word.branches == (1 if word.link is None else 2)


def test_a_gate_acts_where_kron_says():
    gate = rotation_gate(Rotation("X", (0,), 0), 2)
    expected = kron([operation_matrix(Rotation("X", (0,), 0), [0.4], 1), np.eye(2)])
    np.testing.assert_allclose(matrix_at(gate, 0.4), expected, atol=1e-15)
    assert isinstance(gate, FusedGate)


def test_a_rotation_takes_no_branches_from_a_constant_beside_it():
    rotation, projector, constant = sequence("rpc")
    assert absorb_constants([rotation, projector]) == [rotation, projector]
    (merged,) = absorb_constants([constant, projector])
    assert merged.link == 0
