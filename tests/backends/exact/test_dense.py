import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import random_statevector, random_unitary

from backends.circuits.program import Fixed, Program
from backends.circuits.structure import classes
from backends.exact.dense import BLOCK_QUBITS, DenseState, apply_block, fuse, z_expectations
from qvunet.ansatz import basic_entangler
from tests.backends.exact.forced import amplitudes, forced, program_of
from tests.backends.random_circuits import (
    TestAnsatz,
    ansaetze,
    chains,
    fidelity,
    operation_matrix,
    program_state,
    reuploading,
    z_values,
)


def assert_exact(ansatz):
    inputs, weights = ansatz.parameters(rows=3)
    program = program_of(ansatz)
    engine = forced(DenseState, program)
    expected = ansatz.expectations(inputs, weights)
    torch.testing.assert_close(engine.expectations(inputs, weights), expected, atol=1e-12, rtol=0)
    states = amplitudes(engine, program, inputs, weights)
    overlap = torch.from_numpy(fidelity(states.numpy(), ansatz.states(inputs, weights)))
    torch.testing.assert_close(overlap, torch.ones_like(overlap), atol=1e-12, rtol=0)


@settings(max_examples=50)
@given(ansaetze())
def test_random_circuits(ansatz):
    assert_exact(ansatz)


@settings(max_examples=15)
@given(chains())
def test_random_chains(ansatz):
    assert_exact(ansatz)


def test_data_reuploading():
    assert_exact(reuploading())


def test_data_reuploading_in_several_components_of_one_shape():
    x, w = ParameterVector("x", 4), ParameterVector("w", 2)
    circuit = QuantumCircuit(4)
    for k, (a, b) in enumerate([(0, 2), (1, 3)]):
        circuit.rx(x[k], a)
        circuit.crx(w[k], a, b)
        circuit.ry(2 * x[2 + k] + w[k], b)
        circuit.cry(w[k], b, a)
    ansatz = TestAnsatz(circuit, [*x], [*w])
    assert [len(circuits) for circuits in classes(program_of(ansatz))] == [2]
    assert_exact(ansatz)


def test_gradients_of_data_reuploading():
    inputs, weights = (values.requires_grad_() for values in reuploading().parameters(rows=3))
    engine = forced(DenseState, program_of(reuploading()))
    assert torch.autograd.gradcheck(engine.expectations, (inputs, weights))


@settings(max_examples=15)
@given(ansaetze(max_qubits=4, max_gates=8).filter(lambda a: a.inputs and a.weights))
def test_gradients_of_random_circuits(ansatz):
    inputs, weights = (values.requires_grad_() for values in ansatz.parameters(rows=1))
    engine = forced(DenseState, program_of(ansatz))
    assert torch.autograd.gradcheck(engine.expectations, (inputs, weights))


@pytest.mark.parametrize("needed", ["inputs", "weights"])
def test_either_gradient_alone(needed):
    ansatz = reuploading()
    engine = forced(DenseState, program_of(ansatz))

    def gradient(**wanted):
        values = dict(zip(("inputs", "weights"), ansatz.parameters(), strict=True))
        for name in wanted:
            values[name].requires_grad_()
        engine.expectations(**values).sum().backward()
        return values[needed].grad

    torch.testing.assert_close(gradient(**{needed: True}), gradient(inputs=True, weights=True))


@given(ansaetze(max_qubits=4, max_gates=20))
def test_fused_blocks_are_the_program(ansatz):
    """Reordered into blocks, the same operations give the same state."""
    program = program_of(ansatz)
    reads = [bool(np.any(row)) for row in program.angles.inputs_matrix]
    blocks = list(fuse(program.operations, reads))
    fused = tuple(operation for _, members, _ in blocks for operation in members)
    assert sorted(map(id, fused)) == sorted(map(id, program.operations))
    for qubits, members, per_row in blocks:
        assert set(qubits) == {qubit for operation in members for qubit in operation.qubits}
        assert len(qubits) <= max(BLOCK_QUBITS, max(len(operation.qubits) for operation in members))
        angles = [operation.angle for operation in members if not isinstance(operation, Fixed)]
        assert all(reads[angle] == per_row for angle in angles)
    inputs, weights = (values[0].numpy() for values in ansatz.parameters(groups=1, rows=1))
    angles = program.angles(inputs[0], weights)
    reordered = Program(program.num_qubits, fused, program.angles)
    np.testing.assert_allclose(program_state(reordered, angles), program_state(program, angles), atol=1e-12)


def test_neighbouring_gates_fuse():
    (_, members, per_row), *others = fuse(
        program_of(basic_entangler(4, 3)).operations, [True] * 4 + [False] * 12
    )
    assert per_row
    assert len(members) == 4
    assert [len(block) for _, block, _ in others] == [24]


@pytest.mark.parametrize("qubits", [q for k in (1, 2, 3) for q in itertools.permutations(range(3), k)])
def test_apply_block(qubits):
    """Shared matrices and one matrix a row, two groups."""
    states = np.array([[random_statevector(8, seed=4 * g + b).data for b in range(3)] for g in range(2)])
    d = 2 ** len(qubits)
    for shared in (True, False):
        unitaries = [
            [random_unitary(d, seed=9 * g + b * (not shared)).data for b in range(3)] for g in range(2)
        ]
        matrices = np.array([row[:1] if shared else row for row in unitaries])
        result = apply_block(torch.from_numpy(states), torch.from_numpy(matrices), qubits, 3)
        for g, b in itertools.product(range(2), range(3)):
            expected = operation_matrix(Fixed(unitaries[g][b], qubits), [], 3) @ states[g, b]
            np.testing.assert_allclose(result[g, b], expected, atol=1e-13)


@pytest.mark.parametrize("num_qubits", [1, 2, 5])
def test_z_expectations(num_qubits):
    state = random_statevector(2**num_qubits, seed=0).data
    probabilities = torch.from_numpy(np.abs(state) ** 2)
    np.testing.assert_allclose(z_expectations(probabilities), z_values(state), atol=1e-14)
    assert z_expectations(probabilities.expand(2, 3, -1)).shape == (2, 3, num_qubits)
