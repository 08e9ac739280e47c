import numpy as np
import pytest
from hypothesis import given
from qiskit.circuit import ParameterVector, QuantumCircuit

from backends.circuits.program import Fixed, Program, big_endian, program_from_circuit
from backends.circuits.structure import classes, components, control_of, interaction_graph, registers
from qvunet.ansatz import basic_entangler, fqconv, hqconv
from tests.backends.random_circuits import STANDARD_GATES, ansaetze, chain_of, program_state

X, W = ParameterVector("x", 7), ParameterVector("w", 20)


def read(ansatz):
    return program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights)


def read_circuit(circuit):
    return program_from_circuit(circuit, X, W)


def registers_of(circuit):
    (component,) = components(read_circuit(circuit))
    return registers(component)


@pytest.mark.parametrize("num_layers", [1, 3])
def test_fqconv_is_four_equal_columns(num_layers):
    (columns,) = classes(read(fqconv(num_layers)))
    assert [column.qubits for column in columns] == [(p, p + 4, p + 8) for p in range(4)]
    assert len({column.angles for column in columns}) == 4


@pytest.mark.parametrize("num_layers", [1, 3])
def test_hqconv_is_a_chain_of_three_rings(num_layers):
    (component,) = components(read(hqconv(num_layers)))
    assert registers(component) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_basic_entangler_is_one_register():
    (component,) = components(read(basic_entangler(4, 2)))
    assert registers(component) == [[0, 1, 2, 3]]


@given(ansaetze(max_qubits=5))
def test_components_are_independent_circuits(ansatz):
    """The state of a program is the product of its components' states."""
    program = read(ansatz)
    inputs, weights = (values[0].numpy() for values in ansatz.parameters(groups=1, rows=1))
    angles = program.angles(inputs[0], weights)
    order, product = [], np.ones(1)
    for part in components(program):
        local = Program(len(part.qubits), part.operations, program.angles.take(part.angles))
        product = np.kron(product, program_state(local, angles[list(part.angles)]))
        order += part.qubits
    assert sorted(order) == list(range(program.num_qubits))
    shaped = product.reshape([2] * len(order)).transpose(np.argsort(order)).ravel()
    np.testing.assert_allclose(shaped, program_state(program, angles), atol=1e-12)


@given(ansaetze(max_qubits=5))
def test_components_are_connected_and_in_order(ansatz):
    parts = components(read(ansatz))
    assert [part.qubits[0] for part in parts] == sorted(part.qubits[0] for part in parts)
    for part in parts:
        assert list(part.qubits) == sorted(part.qubits)
        assert len(components(Program(len(part.qubits), part.operations, None))) == 1


@given(ansaetze(max_qubits=5))
def test_registers_partition_a_component_and_only_neighbours_share_gates(ansatz):
    for part in components(read(ansatz)):
        chain = registers(part)
        assert sorted(qubit for register in chain for qubit in register) == list(range(len(part.qubits)))
        place = {qubit: r for r, register in enumerate(chain) for qubit in register}
        for operation in part.operations:
            owners = {place[qubit] for qubit in operation.qubits}
            assert max(owners) - min(owners) <= 1
            assert len(owners) == 1 or len(operation.qubits) == 2


def test_idle_qubits_are_components_of_their_own():
    circuit = QuantumCircuit(4)
    circuit.cx(3, 1)
    parts = components(read_circuit(circuit))
    assert [part.qubits for part in parts] == [(0,), (1, 3), (2,)]
    assert [len(part.operations) for part in parts] == [0, 1, 0]
    assert parts[1].operations[0].qubits == (1, 0)


def test_components_of_one_shape_may_take_any_angles():
    circuit = QuantumCircuit(4)
    circuit.crx(W[0], 0, 1)
    circuit.crx(2 * W[1] + 1, 2, 3)
    ((first, second),) = classes(read_circuit(circuit))
    assert first.operations == second.operations
    assert (first.angles, second.angles) == ((0,), (1,))


@pytest.mark.parametrize("second", ["crz", "cry", "crx"])
def test_components_that_differ_are_not_of_one_shape(second):
    circuit = QuantumCircuit(4)
    circuit.crx(W[0], 0, 1)
    qubits = (3, 2) if second == "crx" else (2, 3)  # the other direction, or another gate
    getattr(circuit, second)(W[1], *qubits)
    assert [len(group) for group in classes(read_circuit(circuit))] == [1, 1]


def test_constant_gates_that_differ_are_not_of_one_shape():
    circuit = QuantumCircuit(2)
    circuit.rx(0.1, 0)
    circuit.rx(0.2, 1)
    assert len(classes(read_circuit(circuit))) == 2


@pytest.mark.parametrize("gate", ["crx", "cry", "crz", "rxx", "ryy", "rzz", "rzx"])
def test_free_two_qubit_rotations_are_cut(gate):
    circuit = QuantumCircuit(2)
    getattr(circuit, gate)(W[0], 1, 0)
    assert registers_of(circuit) == [[0], [1]]


@pytest.mark.parametrize("gate", ["swap", "iswap", "dcx", "ecr"])
def test_constant_gates_without_a_control_are_not_cut(gate):
    circuit = QuantumCircuit(3)
    getattr(circuit, gate)(0, 1)
    circuit.cx(1, 2)
    circuit.cx(0, 1)  # a controlled gate on the same pair does not make it a bridge
    assert registers_of(circuit) == [[0, 1], [2]]


def test_gates_on_three_qubits_are_not_cut():
    circuit = QuantumCircuit(4)
    circuit.ccx(0, 1, 2)
    circuit.cz(2, 3)
    assert registers_of(circuit) == [[0, 1, 2], [3]]


def test_a_line_of_qubits_in_any_order_is_a_chain():
    circuit = QuantumCircuit(5)
    for a, b in [(3, 0), (0, 4), (4, 1), (1, 2)]:
        circuit.cx(a, b)
    assert registers_of(circuit) == [[2], [1], [4], [0], [3]]


def test_a_star_is_no_chain():
    circuit = QuantumCircuit(4)
    for leaf in (1, 2, 3):
        circuit.cx(0, leaf)
    assert registers_of(circuit) == [[0, 1, 2, 3]]


def test_registers_of_unequal_size():
    ansatz = chain_of([3, 1, 2], lambda c, a, b, w: c.crx(w[0], a, b))
    (component,) = components(read(ansatz))
    assert registers(component) == [[0, 1, 2], [3], [4, 5]]


@pytest.mark.parametrize(
    ("name", "control"),
    [("cx", 0), ("cy", 0), ("ch", 0), ("csx", 0), ("cz", 0), ("swap", None), ("iswap", None), ("ecr", None)],
)
def test_control_of_a_constant_gate(name, control):
    matrix = big_endian(STANDARD_GATES[name].to_matrix())
    assert control_of(Fixed(matrix, (5, 7))) == control
    flipped = matrix.reshape(2, 2, 2, 2).transpose(1, 0, 3, 2).reshape(4, 4)
    diagonal = np.count_nonzero(matrix) == 4 and np.all(np.diag(matrix))
    expected = None if control is None else 0 if diagonal else 1
    assert control_of(Fixed(flipped, (5, 7))) == expected


def test_only_two_qubit_gates_have_a_control():
    assert control_of(Fixed(np.eye(2), (0,))) is None
    assert control_of(Fixed(np.eye(8), (0, 1, 2))) is None


def test_interaction_graph_joins_all_qubits_of_a_gate():
    circuit = QuantumCircuit(5)
    circuit.ccx(4, 0, 2)
    circuit.cx(0, 4)
    graph = interaction_graph(5, read_circuit(circuit).operations)
    assert {tuple(sorted(edge)) for edge in graph.edge_list()} == {(0, 2), (0, 4), (2, 4)}
    assert graph.num_edges() == 3
