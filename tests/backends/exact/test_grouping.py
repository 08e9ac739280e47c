import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import ParameterVector, QuantumCircuit

from backends.circuits.program import Program, program_from_circuit
from backends.exact.grouping import Kind, Place, Policy, cheapest_plan, gate_of, grouped
from tests.backends.exact.forced import program_of
from tests.backends.random_circuits import ansaetze, many_qubit_circuits, operation_matrix, program_state

POLICIES = st.builds(Policy, st.integers(1, 5), st.integers(1, 4), st.booleans())


def reads_inputs(program):
    return [bool(np.any(row)) for row in program.angles.inputs_matrix]


def dense_layers(num_qubits, layers):
    """RY and RZ on each qubit and a ring of CX."""
    w = iter(ParameterVector("w", 2 * num_qubits * layers))
    circuit = QuantumCircuit(num_qubits)
    for _ in range(layers):
        for qubit in range(num_qubits):
            circuit.ry(next(w), qubit)
            circuit.rz(next(w), qubit)
        for qubit in range(num_qubits):
            circuit.cx(qubit, (qubit + 1) % num_qubits)
    return program_from_circuit(circuit, [], circuit.parameters)


@settings(max_examples=20)
@given(st.one_of(ansaetze(4, 14), many_qubit_circuits(4, 3)), POLICIES, st.booleans())
def test_groups_are_the_program(ansatz, policy, prepared):
    """Reordered into groups, the same operations give the same state."""
    program = program_of(ansatz)
    reads = reads_inputs(program)
    n = program.num_qubits
    groups = grouped(
        [gate_of(operation, reads) for operation in program.operations],
        policy,
        range(n) if prepared else (),
    )
    regrouped = tuple(operation for group in groups for operation in group.operations)
    assert sorted(map(id, regrouped)) == sorted(map(id, program.operations))
    inputs, weights = (values[0].numpy() for values in ansatz.parameters(groups=1, rows=1))
    angles = program.angles(inputs[0], weights)
    reordered = Program(n, regrouped, program.angles)
    np.testing.assert_allclose(program_state(reordered, angles), program_state(program, angles), atol=1e-12)
    assert not (prepared and any(group.first for group in groups))
    for group in groups:
        check_group(group, policy, angles, n)


def check_group(group, policy, angles, num_qubits):
    assert group.qubits == {qubit for operation in group.operations for qubit in operation.qubits}
    matrices = [operation_matrix(operation, angles, num_qubits) for operation in group.operations]
    if group.kind is Kind.MONOMIAL:
        for matrix in matrices:
            assert np.all(np.count_nonzero(np.abs(matrix) > 1e-12, axis=0) == 1)
        return
    most = policy.per_row if group.kind is Kind.PER_ROW else policy.shared
    assert len(group.qubits) <= max(most, *(len(operation.qubits) for operation in group.operations))
    assert group.kind is Kind.PER_ROW or not group.per_row
    if group.real:
        assert not any(np.any(matrix.imag) for matrix in matrices)


@settings(max_examples=10)
@given(st.one_of(ansaetze(4, 12), many_qubit_circuits(4, 3)), st.booleans())
def test_a_plan_has_every_qubit_once_and_every_operation_once(ansatz, prepared):
    program = program_of(ansatz)
    n = program.num_qubits
    plan = cheapest_plan(program.operations, reads_inputs(program), n, prepared=prepared)
    assert sorted(plan.order) == list(range(n))
    for operation in plan.first:
        assert sum(set(operation.qubits) <= set(part) for part in plan.parts) == 1
    operations = [*plan.first, *(each for group in plan.groups for each in group.operations)]
    assert sorted(map(id, operations)) == sorted(map(id, program.operations))
    assert not (prepared and plan.first)


@pytest.mark.parametrize("num_qubits", [8, 10, 12])
def test_a_layer_of_cx_is_one_step_and_ry_is_real(num_qubits):
    program = dense_layers(num_qubits, 3)
    plan = cheapest_plan(program.operations, [False] * program.num_angles, num_qubits)
    assert len(plan.first) >= 2 * num_qubits  # the first layer, before qubits of two parts meet
    assert sum(group.kind is Kind.MONOMIAL for group in plan.groups) == 3
    matrices = [group for group in plan.groups if group.kind is Kind.SHARED]
    assert all(group.real for group in matrices)
    assert sum(len(group.qubits) for group in matrices) == 2 * num_qubits


def test_what_reads_inputs_is_apart():
    x, w = ParameterVector("x", 2), ParameterVector("w", 2)
    circuit = QuantumCircuit(2)
    circuit.ry(w[0], 0)
    circuit.ry(x[0], 0)
    circuit.ry(w[1], 1)
    program = program_from_circuit(circuit, x, w)
    plan = cheapest_plan(program.operations, [False, True, False], 2)
    assert len(plan.first) == 2
    assert [group.kind for group in plan.groups] == [Kind.PER_ROW]


@pytest.mark.parametrize(
    ("qubits", "order", "start", "after"),
    [
        ({1, 2}, [0, 1, 2, 3], 1, [0, 1, 2, 3]),
        ({0, 3}, [0, 1, 2, 3], 0, [0, 3, 1, 2]),
        ({2, 0}, [3, 2, 0, 1], 1, [3, 2, 0, 1]),
        ({1}, [1], 0, [1]),
    ],
)
def test_place(qubits, order, start, after):
    place = Place(qubits, order)
    assert (place.start, place.order) == (start, after)
    assert set(place.qubits) == qubits
    assert place.qubits == after[start : start + len(qubits)]
    assert [order[k] for k in place.axes or range(len(order))] == after
