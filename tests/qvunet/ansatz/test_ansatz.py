import numpy as np
import pytest

from backends import UserError
from qvunet.ansatz import ANSATZES, basic_entangler, fqconv, hqconv, make_ansatz

# (control, target), each a CRZ and then a CRX, written out from the paper's figure 4.
HQCONV_PAIRS = [
    (0, 3), (3, 2), (2, 1), (1, 0),  # A2
    (4, 7), (7, 6), (6, 5), (5, 4),  # A1
    (8, 11), (11, 10), (10, 9), (9, 8),  # A0
    (4, 8),  # B0
    (0, 4),  # B1
]  # fmt: skip
# (gate, control, target), figure 5: for each pair of registers a block C of CRZ, then a block D of CRX.
FQCONV_GATES = [
    ("crz", 3, 11), ("crz", 2, 10), ("crz", 1, 9), ("crz", 0, 8),
    ("crx", 3, 11), ("crx", 2, 10), ("crx", 1, 9), ("crx", 0, 8),
    ("crz", 11, 7), ("crz", 10, 6), ("crz", 9, 5), ("crz", 8, 4),
    ("crx", 11, 7), ("crx", 10, 6), ("crx", 9, 5), ("crx", 8, 4),
    ("crz", 7, 3), ("crz", 6, 2), ("crz", 5, 1), ("crz", 4, 0),
    ("crx", 7, 3), ("crx", 6, 2), ("crx", 5, 1), ("crx", 4, 0),
]  # fmt: skip
HQCONV_GATES = [(name, *pair) for pair in HQCONV_PAIRS for name in ("crz", "crx")]


def gates_of(ansatz):
    """(name, qubits, parameters) of every gate."""
    index = {qubit: k for k, qubit in enumerate(ansatz.circuit.qubits)}
    return [
        (gate.operation.name, *(index[q] for q in gate.qubits), *gate.operation.params)
        for gate in ansatz.circuit.data
    ]


def encoding_of(ansatz):
    return [("rx", i, parameter) for i, parameter in enumerate(ansatz.inputs)]


@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize(("make", "layer"), [(hqconv, HQCONV_GATES), (fqconv, FQCONV_GATES)])
def test_convolutional_circuits_gate_by_gate(make, layer, num_layers):
    ansatz = make(num_layers=num_layers)
    expected = [(*gate, weight) for gate, weight in zip(layer * num_layers, ansatz.weights, strict=True)]
    assert gates_of(ansatz) == encoding_of(ansatz) + expected


def test_basic_entangler_gate_by_gate():
    ansatz = basic_entangler(num_qubits=4, num_layers=2)
    w = list(ansatz.weights)
    ring = [("cx", 0, 1), ("cx", 1, 2), ("cx", 2, 3), ("cx", 3, 0)]
    first = [("rx", 0, w[0]), ("rx", 1, w[1]), ("rx", 2, w[2]), ("rx", 3, w[3])]
    second = [("rx", 0, w[4]), ("rx", 1, w[5]), ("rx", 2, w[6]), ("rx", 3, w[7])]
    assert gates_of(ansatz) == encoding_of(ansatz) + first + ring + second + ring


@pytest.mark.parametrize(
    ("ansatz", "num_qubits", "num_weights"),
    [
        (hqconv(num_layers=1), 12, 28),
        (hqconv(num_layers=3), 12, 84),
        (fqconv(num_layers=1), 12, 24),
        (fqconv(num_layers=3), 12, 72),
        (basic_entangler(), 4, 16),
        (basic_entangler(num_qubits=2, num_layers=3), 2, 6),
    ],
)
def test_sizes(ansatz, num_qubits, num_weights):
    assert ansatz.num_qubits == ansatz.circuit.num_qubits == num_qubits
    assert len(ansatz.inputs) == len(ansatz.observables) == num_qubits
    assert len(ansatz.weights) == num_weights
    assert set(ansatz.circuit.parameters) == {*ansatz.inputs, *ansatz.weights}


@pytest.mark.parametrize("name", ANSATZES)
def test_observable_i_is_z_of_qubit_i(name):
    ansatz = make_ansatz(name, num_layers=1)
    for i, observable in enumerate(ansatz.observables):
        label = ["I"] * ansatz.num_qubits
        label[-1 - i] = "Z"  # Qiskit writes qubit 0 last
        assert observable.to_list() == [("".join(label), 1)]


@pytest.mark.parametrize("name", ANSATZES)
def test_circuit_has_no_measurement(name):
    circuit = make_ansatz(name, num_layers=2).circuit
    assert circuit.num_clbits == 0
    assert set(circuit.count_ops()) <= {"rx", "crz", "crx", "cx"}


@pytest.mark.parametrize(("make", "joined"), [(hqconv, (0, 4)), (fqconv, (7, 3))])
def test_other_numbers_of_channels_keep_the_pattern(make, joined):
    ansatz = make(num_layers=1, num_channels=2)
    assert ansatz.num_qubits == 8
    assert len(ansatz.weights) == {"hqconv": 18, "fqconv": 16}[ansatz.name]
    assert joined in {gate[1:3] for gate in gates_of(ansatz)}


def test_ansatz_is_frozen():
    with pytest.raises(AttributeError):
        hqconv().name = "other"


@pytest.mark.parametrize("name", ANSATZES)
def test_make_ansatz_builds_what_it_names(name):
    made = make_ansatz(name, num_layers=2)
    direct = ANSATZES[name](num_layers=2)
    assert made.name == made.circuit.name == name
    assert gates_of(made)[-1][:3] == gates_of(direct)[-1][:3]
    assert len(made.weights) == len(direct.weights)


@pytest.mark.parametrize(
    ("make", "options", "key"),
    [
        (hqconv, {"num_layers": 0}, "num_layers"),
        (fqconv, {"num_layers": -1}, "num_layers"),
        (basic_entangler, {"num_layers": 0}, "num_layers"),
        (basic_entangler, {"num_qubits": 1}, "num_qubits"),
        (fqconv, {"num_channels": 1}, "num_channels"),
        (hqconv, {"num_channels": 0}, "num_channels"),
    ],
)
def test_bad_sizes_are_refused_by_name(make, options, key):
    with pytest.raises(UserError, match=f"{key}.*at least"):
        make(**options)


def test_unknown_name_lists_what_is_allowed():
    with pytest.raises(UserError, match=r"'hqcnv'.*hqconv, fqconv, basic_entangler"):
        make_ansatz("hqcnv")


def test_unknown_option_is_refused_by_name():
    with pytest.raises(UserError, match="num_qubits"):
        make_ansatz("hqconv", num_qubits=12)


def test_weights_of_a_layer_are_its_own():
    used = [parameter for gate in gates_of(hqconv(num_layers=3)) for parameter in gate[-1:]]
    _, counts = np.unique([str(parameter) for parameter in used], return_counts=True)
    assert counts.tolist() == [1] * (12 + 84)
