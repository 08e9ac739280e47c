import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import QuantumCircuit

from backends.circuits.program import program_from_circuit
from backends.exact.grouping import Kind, Policy, gate_of, grouped
from backends.exact.steps import MatrixStep, MonomialStep, permuted
from tests.backends.exact.forced import program_of
from tests.backends.random_circuits import ansaetze, many_qubit_circuits, operation_matrix

GROUPS, ROWS = 2, 3


@st.composite
def steps(draw):
    """A step of any kind on qubits in any order, the angles of its program, and its matrix."""
    ansatz = draw(st.one_of(ansaetze(4, 6), many_qubit_circuits(4, 3)).filter(lambda a: a.circuit.data))
    program = program_of(ansatz)
    n = program.num_qubits
    reads = [bool(np.any(row)) for row in program.angles.inputs_matrix]
    policy = Policy(draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.booleans()))
    groups = grouped([gate_of(operation, reads) for operation in program.operations], policy)
    group = draw(st.sampled_from(groups)) if groups else None
    return group, draw(st.permutations(range(n))), program, ansatz.parameters(groups=GROUPS, rows=ROWS)


def unitaries(group, order, program, inputs, weights):
    """(G, B, 2^n, 2^n) on the qubits in some order."""
    n = program.num_qubits
    axes = [*order, *(n + qubit for qubit in order)]
    result = np.zeros((GROUPS, ROWS, 2**n, 2**n), dtype=complex)
    for g, b in itertools.product(range(GROUPS), range(ROWS)):
        angles = program.angles(inputs[g, b].numpy(), weights[g].numpy())
        matrix = np.eye(2**n)
        for operation in group.operations:
            matrix = operation_matrix(operation, angles, n) @ matrix
        result[g, b] = matrix.reshape([2] * (2 * n)).transpose(axes).reshape(2**n, 2**n)
    return result


def random_states(groups, num_qubits, rows=ROWS):
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(2, groups, 2**num_qubits, rows))
    return torch.from_numpy(parts[0] + 1j * parts[1])


def parameter_of(step, group, program, inputs, weights):
    """What an evolution hands to the step."""
    angles = torch.from_numpy(program.angles(inputs.numpy(), weights.numpy()[:, None]))
    if isinstance(step, MonomialStep):
        own = angles[..., step.angles]
        return step.phases(own if step.per_row else own[:, :1]) if step.turns else None
    local = unitaries(group, step.place.order, program, inputs, weights)
    after = 2 ** (program.num_qubits - step.place.start - len(step.place.qubits))
    d = 2 ** len(step.place.qubits)
    block = torch.from_numpy(local.reshape(GROUPS, ROWS, -1, d, after, 2**step.place.start, d, after))
    matrix = block[:, :, 0, :, 0, 0, :, 0] if step.per_row else block[:, :1, 0, :, 0, 0, :, 0]
    return matrix.real.contiguous() if step.real else matrix.contiguous()


@settings(max_examples=20)
@given(steps())
def test_apply_and_undo(drawn):
    group, order, program, parameters = drawn
    if group is None:
        return
    step = (MonomialStep if group.kind is Kind.MONOMIAL else MatrixStep)(group, order)
    parameter = parameter_of(step, group, program, *parameters)
    states = random_states(GROUPS, program.num_qubits)
    after = step.apply(states, parameter)

    expected = np.einsum("gbij,gjb->gib", unitaries(group, order, program, *parameters), states.numpy())
    back = permuted(after, [step.place.order.index(qubit) for qubit in order])
    phase = (expected.conj() * back.numpy()).sum(1, keepdims=True)  # a step may leave out a global one
    np.testing.assert_allclose(back.numpy(), expected * phase / np.abs(phase), atol=1e-11)

    gradient = random_states(GROUPS, program.num_qubits).flip(0)
    before, _ = step.undo(torch.stack([after, step.apply(gradient, parameter)]), parameter)
    torch.testing.assert_close(before, torch.stack([states, gradient]))


@settings(max_examples=20)
@given(steps())
def test_gradient_in_the_parameter(drawn):
    group, order, program, parameters = drawn
    if group is None:
        return
    step = (MonomialStep if group.kind is Kind.MONOMIAL else MatrixStep)(group, order)
    parameter = parameter_of(step, group, program, *parameters)
    if parameter is None:
        return
    states = random_states(GROUPS, program.num_qubits)
    gradient = random_states(GROUPS, program.num_qubits).flip(0)
    after = step.apply(states, parameter)
    _, found = step.undo(torch.stack([after, gradient]), parameter)
    tracked = parameter.clone().requires_grad_()
    (expected,) = torch.autograd.grad(step.apply(states, tracked), tracked, gradient)
    if isinstance(step, MatrixStep):
        torch.testing.assert_close(found, expected.conj().resolve_conj())
    elif found is not None:  # in the angle of a phase p, which moves by i p
        torch.testing.assert_close(found, (expected.conj() * 1j * parameter).real)


@given(st.permutations(range(5)))
def test_permuted(axes):
    state = random_states(2, 5)
    tensor = state.reshape(2, *[2] * 5, ROWS).permute(0, *(1 + axis for axis in axes), 6)
    torch.testing.assert_close(permuted(state, axes), tensor.reshape(2, 32, ROWS))


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_what_a_renaming_does_to_probabilities(order):
    circuit = QuantumCircuit(3)
    circuit.cx(0, 2)
    circuit.s(1)
    circuit.swap(1, 2)
    program = program_from_circuit(circuit)
    (group,) = grouped([gate_of(o, []) for o in program.operations], Policy(3, 1, False), range(3))
    step = MonomialStep(group, order)
    state = random_states(1, 3)
    parameter = step.phases(torch.zeros(1, 1, 0, dtype=torch.float64))
    renamed = step.rename(state.abs().square())
    torch.testing.assert_close(renamed, step.apply(state, parameter).abs().square())
    torch.testing.assert_close(step.pull_rename(renamed), state.abs().square())
