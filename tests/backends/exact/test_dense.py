import pytest
import torch
from hypothesis import given, settings
from qiskit.circuit import ParameterVector, QuantumCircuit

from backends.circuits.structure import classes
from backends.exact.dense import DenseState
from backends.exact.steps import MatrixStep
from qvunet.ansatz import basic_entangler
from tests.backends.exact.forced import amplitudes, forced, program_of
from tests.backends.random_circuits import (
    TestAnsatz,
    ansaetze,
    chains,
    fidelity,
    reuploading,
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


def test_no_state_is_kept_but_the_last():
    """Backwards, states are recovered: what a pass holds does not grow with the number of layers."""

    def held(layers):
        ansatz = basic_entangler(6, layers)
        engine = forced(DenseState, program_of(ansatz))
        inputs = torch.rand(1, 64, 6, dtype=torch.float64)
        _, pullback = engine.with_pullback(inputs, torch.rand(1, len(ansatz.weights), dtype=torch.float64))
        pending, seen, states = [pullback], set(), set()
        while pending:
            found = pending.pop()
            if isinstance(found, torch.Tensor) and found.numel() == 2**6 * 64:
                states.add(found.untyped_storage().data_ptr())
            elif isinstance(found, list | tuple):
                pending += found
            elif getattr(found, "__closure__", None) and id(found) not in seen:
                seen.add(id(found))
                pending += [cell.cell_contents for cell in found.__closure__]
        return len(states)

    assert held(2) == held(12) == 1


@pytest.mark.parametrize("num_qubits", [3, 6])
def test_renaming_at_the_end_is_left_to_the_readout(num_qubits):
    circuit = QuantumCircuit(num_qubits)
    w = ParameterVector("w", 2 * num_qubits)
    for layer in range(2):
        for qubit in range(num_qubits):
            circuit.ry(w[layer * num_qubits + qubit], qubit)
        for qubit in range(num_qubits):
            circuit.cx(qubit, (qubit + 1) % num_qubits)
            circuit.rz(0.3, qubit)
    ansatz = TestAnsatz(circuit, [], [*w])
    (simulator,) = forced(DenseState, program_of(ansatz)).simulators
    assert not simulator.evolution.steps or isinstance(simulator.evolution.steps[-1], MatrixStep)
    assert_exact(ansatz)
