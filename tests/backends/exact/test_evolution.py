import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.circuits.structure import Component
from backends.exact.evolution import Evolution
from backends.exact.grouping import cheapest_plan
from backends.exact.steps import permuted
from tests.backends.exact.forced import program_of
from tests.backends.random_circuits import ansaetze, many_qubit_circuits, operation_matrix


def evolution_of(program):
    """The whole program on any state."""
    reads = [bool(np.any(row)) for row in program.angles.inputs_matrix]
    n = program.num_qubits
    plan = cheapest_plan(program.operations, reads, n, prepared=True)
    whole = Component(tuple(range(n)), program.operations, tuple(range(program.num_angles)))
    return Evolution(plan.groups, plan.order, [whole], program.angles)


def random_states(shape):
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.normal(size=shape) + 1j * rng.normal(size=shape))


CIRCUITS = st.one_of(ansaetze(4, 14), many_qubit_circuits(4, 3))


@settings(max_examples=15)
@given(CIRCUITS)
def test_forwards_is_the_program_and_backwards_undoes_it(ansatz):
    program = program_of(ansatz)
    n = program.num_qubits
    evolution = evolution_of(program)
    inputs, weights = ansatz.parameters(groups=2, rows=3)
    states = random_states((2, 2**n, 3))
    parameters, _ = evolution.parameters(inputs, weights)
    after = evolution.forward(states, parameters)
    found = permuted(after, np.argsort(evolution.order).tolist())
    for g in range(2):
        for b in range(3):
            angles = program.angles(inputs[g, b].numpy(), weights[g].numpy())
            expected = states[g, :, b].numpy()
            for operation in program.operations:
                expected = operation_matrix(operation, angles, n) @ expected
            phase = np.vdot(expected, found[g, :, b].numpy())
            np.testing.assert_allclose(found[g, :, b], expected * phase / abs(phase), atol=1e-10)
    before, _ = evolution.backward(torch.stack([after, after]), parameters)
    torch.testing.assert_close(before, torch.stack([states, states]))


@settings(max_examples=8)
@given(CIRCUITS)
def test_the_gradient_is_that_of_the_operations(ansatz):
    evolution = evolution_of(program_of(ansatz))
    inputs, weights = (values.requires_grad_() for values in ansatz.parameters(groups=2, rows=3))
    states = random_states((2, 2**ansatz.circuit.num_qubits, 3)).requires_grad_()
    parameters, pull = evolution.parameters(inputs, weights)
    after = evolution.forward(states, parameters)
    gradient = random_states(after.shape)
    # Adding nothing makes every argument part of the graph.
    start = (after.conj() * gradient).real.sum() + 0 * (inputs.sum() + weights.sum())
    expected = torch.autograd.grad(start, (states, inputs, weights), retain_graph=True)
    with torch.no_grad():
        pair, in_parameters = evolution.backward(torch.stack([after, gradient]), parameters)
        found = pair[1], *pull(in_parameters)
    torch.testing.assert_close(found, expected)
