import numpy as np
import pytest
from hypothesis import given
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.circuit.library import CRXGate, GlobalPhaseGate, HGate, RYGate
from qiskit.quantum_info import Operator

from backends.circuits.program import (
    MAX_FIXED_QUBITS,
    AffineMap,
    Fixed,
    Program,
    Rotation,
    big_endian,
    program_from_circuit,
    without_controls,
)
from backends.errors import UserError
from tests.backends.random_circuits import (
    STANDARD_GATES,
    TestAnsatz,
    ansaetze,
    big_endian_state,
    fidelity,
    program_state,
)

X, W = ParameterVector("x", 2), ParameterVector("w", 2)
PARAMETERISED = [name for name, gate in STANDARD_GATES.items() if gate.params]


def read(circuit):
    """The program of a circuit whose parameters are among X and W."""
    return program_from_circuit(circuit, X, W)


def assert_equivalent(program, ansatz):
    inputs, weights = (values[0].numpy() for values in ansatz.parameters(groups=1, rows=1))
    angles = program.angles(inputs[0], weights)
    expected = big_endian_state(ansatz.bind(inputs[0], weights))
    assert fidelity(program_state(program, angles), expected) == pytest.approx(1, abs=1e-12)


@given(ansaetze(max_qubits=5))
def test_random_circuits_are_read_exactly(ansatz):
    program = program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights)
    assert_equivalent(program, ansatz)
    assert_equivalent(without_controls(program), ansatz)


@pytest.mark.parametrize("name", STANDARD_GATES)
@pytest.mark.parametrize("free", [False, True], ids=["constant", "free"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reversed"])
def test_every_standard_gate(name, free, reverse):
    gate = STANDARD_GATES[name]
    values = [W[k % 2] if free else 0.4 + k for k in range(len(gate.params))]
    circuit = QuantumCircuit(gate.num_qubits)
    for qubit in range(gate.num_qubits):  # a state on which no gate acts trivially
        circuit.h(qubit)
        circuit.ry(0.3 + qubit, qubit)
        circuit.rz(0.7 + qubit, qubit)
    qubits = range(gate.num_qubits)
    circuit.append(gate.base_class(*values), qubits[::-1] if reverse else qubits)
    assert_equivalent(read(circuit), TestAnsatz(circuit, X, W))


@pytest.mark.parametrize("name", ["rx", "rzz", "rzx", "crx", "crz"])
def test_gates_of_the_ansaetze_stay_single_rotations(name):
    circuit = QuantumCircuit(2)
    circuit.append(STANDARD_GATES[name].base_class(W[0]), range(STANDARD_GATES[name].num_qubits))
    (rotation,) = read(circuit).operations
    pauli, targets, controls = {
        "rx": ("X", (0,), ()),
        "rzz": ("ZZ", (0, 1), ()),
        "rzx": ("ZX", (0, 1), ()),
        "crx": ("X", (1,), (0,)),
        "crz": ("Z", (1,), (0,)),
    }[name]
    assert rotation == Rotation(pauli, targets, 0, controls)
    assert rotation.qubits == controls + targets


def test_angles_are_affine_in_inputs_and_weights():
    circuit = QuantumCircuit(1)
    circuit.rx(2 * X[1] - 0.5 * W[0] + 0.3, 0)
    circuit.ry(X[0] + X[1] + W[1], 0)
    circuit.rz(-W[0], 0)
    angles = read(circuit).angles
    np.testing.assert_array_equal(angles.inputs_matrix, [[0, 2], [1, 1], [0, 0]])
    np.testing.assert_array_equal(angles.weights_matrix, [[-0.5, 0], [0, 1], [-1, 0]])
    np.testing.assert_array_equal(angles.offset, [0.3, 0, 0])
    x, w = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.5, 0.25], [0.0, 1.0]])
    expected = [[4 - 0.25 + 0.3, 3.25, -0.5], [8 + 0.3, 8, 0]]
    np.testing.assert_allclose(angles(x, w), expected)


def test_a_parameter_that_cancels_leaves_a_constant():
    circuit = QuantumCircuit(1)
    circuit.rx(X[0] - X[0] + 0.7, 0)
    program = read(circuit)
    np.testing.assert_array_equal(program.angles.inputs_matrix, np.zeros((program.num_angles, 2)))
    assert_equivalent(program, TestAnsatz(circuit, X, W))


def test_parameter_columns_follow_the_given_order_not_the_names():
    ten, two = Parameter("a10"), Parameter("a2")
    circuit = QuantumCircuit(1)
    circuit.rx(two, 0)
    circuit.ry(ten, 0)
    angles = program_from_circuit(circuit, [ten, two], []).angles
    np.testing.assert_array_equal(angles.inputs_matrix, [[0, 1], [1, 0]])


def test_take_picks_rows_and_zero_rows():
    whole = AffineMap(np.arange(6.0).reshape(3, 2), np.arange(3.0)[:, None], np.array([7.0, 8.0, 9.0]))
    taken = whole.take([2, None, 0, 2])
    np.testing.assert_array_equal(taken.inputs_matrix, [[4, 5], [0, 0], [0, 1], [4, 5]])
    np.testing.assert_array_equal(taken.weights_matrix, [[2], [0], [0], [2]])
    np.testing.assert_array_equal(taken.offset, [9, 0, 7, 9])


def test_composite_gates_are_read_through():
    inner = QuantumCircuit(2, name="inner")
    inner.crx(W[0], 1, 0)
    outer = QuantumCircuit(2, name="outer")
    outer.h(0)
    outer.append(inner.to_gate(), [1, 0])
    circuit = QuantumCircuit(3)
    circuit.h([0, 1, 2])
    circuit.append(outer.to_gate(), [2, 0])
    program = read(circuit)
    assert program.operations[-1] == Rotation("X", (0,), 0, (2,))
    assert_equivalent(program, TestAnsatz(circuit, X, W))


@pytest.mark.parametrize("name", ["rx", "p", "barrier", "id"])
def test_a_composite_gate_may_bear_the_name_of_a_standard_one(name):
    inner = QuantumCircuit(1, name=name)
    inner.ry(2 * W[0], 0)
    circuit = QuantumCircuit(1)
    circuit.append(inner.to_gate(), [0])
    assert_equivalent(read(circuit), TestAnsatz(circuit, X, W))


def test_open_and_multiple_controls():
    circuit = QuantumCircuit(3)
    circuit.h([0, 1, 2])
    circuit.append(CRXGate(W[0], ctrl_state=0), [2, 0])
    circuit.append(RYGate(W[1]).control(2, annotated=False), [1, 0, 2])
    circuit.append(HGate().control(2, ctrl_state=1, annotated=False), [2, 1, 0])
    assert_equivalent(read(circuit), TestAnsatz(circuit, X, W))


def test_large_constant_gates_are_read_through_their_definition():
    circuit = QuantumCircuit(6)
    circuit.ry(1.1, range(6))
    circuit.mcx([5, 3, 1, 0, 2], 4)
    program = read(circuit)
    assert max(len(operation.qubits) for operation in program.operations) <= MAX_FIXED_QUBITS
    assert_equivalent(program, TestAnsatz(circuit, X, W))


def test_barriers_leave_nothing():
    circuit = QuantumCircuit(2)
    circuit.barrier()
    circuit.id(0)
    assert read(circuit).operations == ()


def test_global_phase_is_dropped():
    circuit = QuantumCircuit(1, global_phase=W[1])
    circuit.append(GlobalPhaseGate(W[0]), [])
    circuit.rx(X[0], 0)
    assert [operation.qubits for operation in read(circuit).operations] == [(0,)]


def test_constant_global_phase_gate_is_dropped():
    circuit = QuantumCircuit(1)
    circuit.append(GlobalPhaseGate(0.3), [])
    assert read(circuit).operations == ()


def _measure(circuit):
    circuit.measure(0, 0)
    circuit.h(0)


def _measure_for_a_condition(circuit):
    circuit.measure(1, 0)
    _if_else(circuit)


def _if_else(circuit):
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)


def _while(circuit):
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.x(0)


def _composite_with_measurement(circuit):
    inner = QuantumCircuit(1, 1, name="peek")
    inner.measure(0, 0)
    circuit.append(inner.to_instruction(), [0], [0])


def _composite_with_reset(circuit):
    inner = QuantumCircuit(1, name="clear")
    inner.reset(0)
    circuit.append(inner.to_instruction(), [0])


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (_measure, "'measure'"),
        (_measure_for_a_condition, "'measure'|'if_else'"),
        (lambda c: c.reset(0), "'reset'"),
        (lambda c: c.initialize([0, 1], 0), "'reset'"),
        (lambda c: c.delay(10, 0), "'delay'"),
        (_if_else, "'if_else'"),
        (_while, "'while_loop'"),
        (_composite_with_measurement, "'peek'"),
        (_composite_with_reset, "'reset'"),
        (lambda c: c.rx(X[0].sin(), 0), r"sin\(x\[0\]\).*'rx'.*not affine"),
        (lambda c: c.crx(X[0] * W[0], 0, 1), r"x\[0\].*'crx'.*not affine"),
        (lambda c: c.rz(X[0] ** 2, 0), r"x\[0\].*'rz'.*not affine"),
        (lambda c: c.rx(abs(X[0]), 0), "'rx'.*not affine"),
        (lambda c: c.u(0.1, 1 / W[0], 0.2, 0), "'u'.*not affine"),
        (lambda c: c.ry(Parameter("stray"), 0), "'stray'.*'ry'.*neither an input nor a weight"),
        (lambda c: c.rzz(Parameter("stray") + X[0], 0, 1), "'stray'.*'rzz'"),
    ],
)
def test_what_is_unsupported_is_refused_by_name(spoil, named):
    circuit = QuantumCircuit(3, 1)
    circuit.rx(X[0], 0)
    spoil(circuit)
    with pytest.raises(UserError, match=named):
        read(circuit)


def test_a_reset_of_what_nothing_acted_on_is_left_out():
    circuit, expected = QuantumCircuit(3), QuantumCircuit(3)
    circuit.rx(X[0], 0)
    circuit.initialize([0.6, 0.8j], 1)
    circuit.reset(2)
    expected.rx(X[0], 0)
    expected.prepare_state([0.6, 0.8j], 1)
    for made in (circuit, expected):
        made.crx(W[1], 1, 2)
    found = [read(made) for made in (circuit, expected)]
    angles = np.array([0.3, 1.1])
    states = [program_state(program, angles) for program in found]
    np.testing.assert_allclose(*states, atol=1e-12)
    circuit.reset(2)
    with pytest.raises(UserError, match=r"'reset'.*before anything else"):
        read(circuit)


@pytest.mark.parametrize(
    "measure",
    [
        lambda c: c.measure_all(),
        lambda c: c.measure([0, 1, 2], [0, 0, 0]),
        lambda c: (c.measure(1, 0), c.barrier(), c.measure(0, 0)),
        lambda c: (c.measure(2, 0), c.rx(W[0], 1)),  # the others go on
    ],
)
def test_measurements_at_the_very_end_are_left_out(measure):
    circuit = QuantumCircuit(3, 1)
    circuit.rx(X[0], 0)
    circuit.crx(W[1], 0, 2)
    expected = circuit.copy()
    measure(circuit)
    if W[0] in circuit.parameters:
        expected.rx(W[0], 1)
    assert read(circuit).operations == read(expected).operations


@pytest.mark.parametrize("num_controls", [0, 1, 2, 3])
@pytest.mark.parametrize("pauli", ["X", "ZY"])
def test_without_controls_is_exact_for_any_number_of_controls(num_controls, pauli):
    rng = np.random.default_rng(0)
    n = num_controls + len(pauli)
    order = tuple(rng.permutation(n).tolist())
    prepare = tuple(Rotation(p, (q,), k) for k, (q, p) in enumerate((q, p) for q in range(n) for p in "XZ"))
    controlled = Rotation(pauli, order[num_controls:], 2 * n, order[:num_controls])
    angles = AffineMap(np.zeros((2 * n + 1, 0)), np.eye(2 * n + 1), np.zeros(2 * n + 1))
    program = Program(n, (*prepare, controlled), angles)
    lowered = without_controls(program)
    assert all(not operation.controls for operation in lowered.operations)
    assert len(lowered.operations) == 2 * n + 2**num_controls
    weights = rng.uniform(-3, 3, 2 * n + 1)
    states = [program_state(p, p.angles(np.zeros(0), weights)) for p in (program, lowered)]
    np.testing.assert_allclose(states[1], states[0], atol=1e-12)  # the phase agrees too


def test_without_controls_keeps_a_program_without_angles():
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    program = without_controls(read(circuit))
    assert program.num_angles == 0
    assert [type(operation) for operation in program.operations] == [Fixed]


def test_big_endian_reverses_the_order_of_bits():
    circuit = QuantumCircuit(3)
    circuit.cx(0, 2)
    circuit.ry(0.3, 1)
    expected = Operator(circuit.reverse_bits()).data
    np.testing.assert_allclose(big_endian(Operator(circuit).data), expected)
