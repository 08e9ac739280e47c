import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import Pauli, SparsePauliOp, Statevector

from backends import UserError
from backends.circuits.observables import in_basis, measurement_bases, read_observables
from backends.circuits.program import program_from_circuit
from qvunet.ansatz import hqconv
from tests.backends.random_circuits import program_state, z_observables

T = Parameter("t")


def test_published_circuits_read_one_qubit_each():
    readout = read_observables(hqconv().observables, 12)
    assert readout.z_qubits == list(range(12))
    np.testing.assert_array_equal(readout.of_qubits(), np.eye(12))
    assert not np.any(readout.offset)


def test_qubits_in_any_order_with_any_coefficient():
    observables = [
        SparsePauliOp("IIZ", 2.0),
        SparsePauliOp(["ZII", "III"], [-1.0, 0.5]),
        SparsePauliOp("III"),
    ]
    readout = read_observables(observables, 3)
    np.testing.assert_array_equal(readout.of_qubits(), [[2, 0, 0], [0, 0, -1], [0, 0, 0]])
    np.testing.assert_array_equal(readout.offset, [0, 0.5, 1])


def test_terms_are_distinct_and_needed():
    observables = [SparsePauliOp(["XY", "ZZ", "XY"], [1, 0, 0.5]), SparsePauliOp(["IX", "XY"], [1, -2])]
    readout = read_observables(observables, 2)
    assert readout.terms == ("XY", "IX")
    np.testing.assert_array_equal(readout.matrix, [[1.5, 0], [-2, 1]])
    assert readout.z_qubits is None
    with pytest.raises(ValueError, match="XY"):
        readout.of_qubits()


@pytest.mark.parametrize(
    ("observable", "named"),
    [
        (SparsePauliOp("IIZ"), "observable 1 IIZ: is on 3 qubits, and the circuit has 2"),
        (SparsePauliOp(["IX", "ZZ"], [1, 0.5j]), r"observable 1 IX \+ 0.5j ZZ: coefficient 0.5j: .* real"),
        (SparsePauliOp("ZZ", float("nan")), "ZZ: coefficient .*nan"),
        (
            SparsePauliOp("ZZ", np.array([T])),
            "ZZ: coefficient t: allowed are finite real",
        ),
    ],
)
def test_refuses_by_name(observable, named):
    with pytest.raises(UserError, match=named):
        read_observables([SparsePauliOp("IZ"), observable], 2)


def test_refuses_what_is_no_list_of_operators():
    with pytest.raises(UserError, match="observable 'ZZ': allowed is a SparsePauliOp, not str"):
        read_observables(["ZZ"], 2)
    with pytest.raises(UserError, match=r"observables: 1 ZZ \+ 1 XI is one; put it in a list"):
        read_observables(SparsePauliOp(["ZZ", "XI"]), 2)


def test_bases_are_shared_where_strings_agree():
    groups = measurement_bases(["XIZ", "IYZ", "ZII", "IIX"])
    assert sorted(groups) == [([0, 1], "XYZ"), ([2, 3], "ZIX")]
    assert measurement_bases([]) == []


@settings(max_examples=40)
@given(st.lists(st.text("IXYZ", min_size=3, max_size=3), min_size=1, max_size=9))
def test_bases_serve_every_string_and_are_no_more_than_qiskit_finds(labels):
    groups = measurement_bases(labels)
    assert sorted(itertools.chain.from_iterable(members for members, _ in groups)) == [*range(len(labels))]
    for members, basis in groups:
        for k in members:
            assert all(a in ("I", b) for a, b in zip(labels[k], basis, strict=True))
    assert len(groups) <= len(SparsePauliOp(labels).paulis.group_qubit_wise_commuting())


@pytest.mark.parametrize("basis", ["XYZ", "IYX", "ZII"])
def test_turned_bases_are_read_by_z(basis):
    circuit = QuantumCircuit(3)
    for qubit in range(3):
        circuit.u(0.3 + qubit, 1.1, 0.4 * qubit, qubit)
    circuit.cx(0, 1)
    circuit.cry(0.7, 1, 2)
    state = program_state(in_basis(program_from_circuit(circuit), basis), np.zeros(0))
    turned = Statevector(state).reverse_qargs()
    for qubit, letter in enumerate(reversed(basis)):
        if letter != "I":
            expected = Statevector(circuit).expectation_value(Pauli(letter), [qubit])
            assert turned.expectation_value(z_observables(3)[qubit]) == pytest.approx(expected)
