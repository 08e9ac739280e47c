import pytest
import torch
from hypothesis import given, settings
from qiskit.circuit import ParameterVector, QuantumCircuit

from backends.circuits.structure import classes, components, registers
from backends.exact.chain import MAX_REGISTER_QUBITS, RegisterChain
from backends.exact.dense import DenseState
from backends.exact.encoding import split_encoding
from backends.exact.links import split_gates
from qvunet.ansatz import hqconv
from tests.backends.exact.forced import amplitudes, forced, program_of
from tests.backends.random_circuits import TestAnsatz, chain_of, chains, fidelity


def second_controls():
    """A constant gate that changes its first qubit if the second is 1."""
    circuit = QuantumCircuit(2)
    circuit.crx(0.8, 1, 0)
    circuit.cy(1, 0)
    return circuit.to_gate()


BRIDGES = {
    "crz-crx": lambda c, a, b, w: (c.crz(w[0], a, b), c.crx(w[1], a, b)),
    "crx-reversed": lambda c, a, b, w: c.crx(w[0], b, a),
    "cry-both-ways": lambda c, a, b, w: (c.cry(w[0], a, b), c.cry(w[1], b, a)),
    "there-and-back": lambda c, a, b, w: (c.crx(w[0], a, b), c.crz(w[1], b, a), c.cry(w[2], a, b)),
    "rxx": lambda c, a, b, w: c.rxx(w[0], a, b),
    "ryy": lambda c, a, b, w: c.ryy(w[0], b, a),
    "rzz": lambda c, a, b, w: c.rzz(w[0], a, b),
    "rzx": lambda c, a, b, w: c.rzx(w[0], a, b),
    "rzx-reversed": lambda c, a, b, w: c.rzx(w[0], b, a),
    "every-basis": lambda c, a, b, w: (c.rxx(w[0], a, b), c.ryy(w[1], a, b), c.rzz(w[2], a, b)),
    "cx": lambda c, a, b, w: c.cx(a, b),
    "cx-reversed": lambda c, a, b, w: c.cx(b, a),
    "cz-cx": lambda c, a, b, w: (c.cz(a, b), c.cx(a, b)),
    "ch-csx": lambda c, a, b, w: (c.ch(b, a), c.csx(a, b)),
    "cp": lambda c, a, b, w: c.cp(w[0], b, a),
    "constant-crx": lambda c, a, b, w: c.crx(0.8, a, b),
    "constant-controlled-by-its-second": lambda c, a, b, w: c.append(second_controls(), [a, b]),
    "control-acted-on": lambda c, a, b, w: (c.crx(w[0], a, b), c.h(a), c.crx(w[1], a, b)),
    "control-acted-on-diagonally": lambda c, a, b, w: (c.crx(w[0], a, b), c.rz(w[1], a), c.crx(w[2], a, b)),
    "target-acted-on": lambda c, a, b, w: (c.crx(w[0], a, b), c.ry(w[1], b), c.crz(w[2], a, b)),
    "shared-weight": lambda c, a, b, w: (c.crx(w[0], a, b), c.cry(2 * w[0] + w[2] + 0.1, a, b)),
    "one-long-link": lambda c, a, b, w: [(c.crx(w[k % 3], a, b), c.ry(w[k % 2], b)) for k in range(7)],
}
"""Gates on a bridge (circuit, left qubit, right qubit, three weights)."""


def assert_exact(ansatz, method=RegisterChain):
    """Expectations and amplitudes agree with Qiskit for several groups and rows."""
    inputs, weights = ansatz.parameters()
    program = program_of(ansatz)
    engine = forced(method, program)
    expected = ansatz.expectations(inputs, weights)
    torch.testing.assert_close(engine.expectations(inputs, weights), expected, atol=1e-12, rtol=0)
    states = amplitudes(engine, program, inputs, weights)
    overlap = torch.from_numpy(fidelity(states.numpy(), ansatz.states(inputs, weights)))
    torch.testing.assert_close(overlap, torch.ones_like(overlap), atol=1e-12, rtol=0)


@pytest.mark.parametrize("sizes", [(3, 1, 2), (1, 1, 1, 1), (2, 3)], ids=str)
@pytest.mark.parametrize("bridge", BRIDGES)
def test_every_kind_of_bridge(sizes, bridge):
    ansatz = chain_of(sizes, BRIDGES[bridge])
    if bridge != "constant-crx":  # the cut is what is tested: there must be one
        (component,) = components(program_of(ansatz))
        assert [len(register) for register in registers(component)] == list(sizes)
    assert_exact(ansatz)


@pytest.mark.parametrize(
    ("gates", "links"),
    [
        ([("crx", 1, 0), ("crx", 2, 1), ("crx", 1, 0)], [0, 1, 0]),  # the control is a target in between
        ([("rzx", 1, 0), ("rxx", 1, 2), ("rzx", 1, 0)], [0, 1, 0]),  # or projected in another basis
        ([("rzx", 1, 0), ("rzz", 1, 2), ("crx", 1, 0)], [0, 1]),  # in the same one it stays as it is
        ([("rxx", 1, 0), ("rxx", 1, 2), ("rxx", 1, 0)], [0, 1]),
    ],
)
def test_two_bridges_that_meet_in_one_qubit(gates, links):
    x, w = ParameterVector("x", 3), ParameterVector("w", 9)
    circuit = QuantumCircuit(3)
    angles = iter(w)
    for qubit, angle in enumerate(x):
        circuit.rx(angle, qubit)
        circuit.ry(next(angles), qubit)
    for name, *qubits in gates:
        getattr(circuit, name)(next(angles), *qubits)
    for qubit in range(3):
        circuit.ry(next(angles), qubit)  # what is read sees every phase
    ansatz = TestAnsatz(circuit, [*x], [*w])
    (component,) = components(program_of(ansatz))
    _, operations = split_encoding(component)
    assert split_gates(operations, registers(component), 1)[1] == links
    assert_exact(ansatz)


@settings(max_examples=60)
@given(chains())
def test_random_chains(ansatz):
    assert_exact(ansatz)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_the_bond_of_hqconv_is_two_to_the_number_of_layers(num_layers):
    (component,) = components(program_of(hqconv(num_layers)))
    _, operations = split_encoding(component)
    _, bridges = split_gates(operations, registers(component), 4)
    assert sorted(bridges) == [0] * num_layers + [1] * num_layers


@pytest.mark.parametrize(
    ("bridge", "links"),
    [
        ("crz-crx", 1),
        ("cz-cx", 1),
        ("one-long-link", 1),
        ("target-acted-on", 1),
        ("cry-both-ways", 2),
        ("control-acted-on", 2),
        ("every-basis", 3),
    ],
)
def test_gates_of_one_control_share_a_link(bridge, links):
    """Twice, since `chain_of` turns the control in between."""
    (component,) = components(program_of(chain_of((2, 2), BRIDGES[bridge])))
    _, operations = split_encoding(component)
    _, bridges = split_gates(operations, registers(component), 2)
    assert bridges == [0] * (2 * links)


@pytest.mark.parametrize("bridge", ["crz-crx", "there-and-back", "every-basis", "shared-weight"])
def test_gradients(bridge):
    ansatz = chain_of((2, 1), BRIDGES[bridge])
    inputs, weights = (values.requires_grad_() for values in ansatz.parameters())
    assert torch.autograd.gradcheck(forced(RegisterChain, program_of(ansatz)).expectations, (inputs, weights))


@settings(max_examples=10)
@given(chains(max_qubits=4).filter(lambda a: a.inputs and a.weights))
def test_gradients_of_random_chains(ansatz):
    inputs, weights = (values.requires_grad_() for values in ansatz.parameters(rows=1))
    assert torch.autograd.gradcheck(forced(RegisterChain, program_of(ansatz)).expectations, (inputs, weights))


@settings(max_examples=20)
@given(chains().filter(lambda a: a.inputs and a.weights))
def test_gradients_agree_with_the_dense_method(ansatz):
    program = program_of(ansatz)
    gradients = []
    for method in (RegisterChain, DenseState):
        inputs, weights = (values.requires_grad_() for values in ansatz.parameters())
        values = forced(method, program).expectations(inputs, weights)
        coefficients = torch.linspace(-1, 2, values.shape[-1], dtype=torch.float64)
        (values @ coefficients).sum().backward()
        gradients.append((inputs.grad, weights.grad))
    torch.testing.assert_close(*gradients, atol=1e-11, rtol=0)


def test_components_of_one_shape_keep_their_own_angles():
    """Two chains of equal shape, interleaved, with different inputs and weights."""
    x, w = ParameterVector("x", 6), ParameterVector("w", 8)
    circuit = QuantumCircuit(6)
    for k, (a, b, c) in enumerate([(0, 2, 4), (1, 3, 5)]):
        for qubit in (a, b, c):
            circuit.rx(x[qubit], qubit)
        circuit.rxx(0.7, a, b)
        circuit.ry(w[4 * k], b)
        BRIDGES["crz-crx"](circuit, b, c, w[4 * k + 1 : 4 * k + 3])
        circuit.ry(w[4 * k + 3] + w[0], c)
    ansatz = TestAnsatz(circuit, [*x], [*w])
    assert [len(circuits) for circuits in classes(program_of(ansatz))] == [2]
    assert_exact(ansatz)


def test_single_precision():
    ansatz = chain_of((3, 1, 2), BRIDGES["crz-crx"])
    inputs, weights = ansatz.parameters()
    values = forced(RegisterChain, program_of(ansatz)).expectations(inputs.float(), weights.float())
    assert values.dtype == torch.float32
    torch.testing.assert_close(values.double(), ansatz.expectations(inputs, weights), atol=1e-5, rtol=0)


def test_row_cost_refuses_what_the_method_cannot_do():
    x = ParameterVector("x", 1)
    again = QuantumCircuit(1)
    again.rx(x[0], 0)
    again.rz(x[0], 0)
    wide = QuantumCircuit(MAX_REGISTER_QUBITS + 1)
    wide.swap(range(MAX_REGISTER_QUBITS), range(1, MAX_REGISTER_QUBITS + 1))
    for circuit in (again, wide):
        program = program_of(TestAnsatz(circuit, [*x], []))
        (component,) = components(program)
        assert RegisterChain.row_cost(component, program.angles) == float("inf")


def test_row_cost_of_hqconv_is_less_than_the_dense_methods():
    for num_layers in (1, 3):
        program = program_of(hqconv(num_layers))
        (component,) = components(program)
        chain = RegisterChain.row_cost(component, program.angles)
        assert chain < DenseState.row_cost(component, program.angles)
