from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from qiskit.circuit import ParameterVector, QuantumCircuit

from backends.circuits.program import program_from_circuit
from qvunet.ansatz import basic_entangler, fqconv, hqconv
from qvunet.diagnostics import simulation
from qvunet.diagnostics.cones import light_cones
from qvunet.diagnostics.simulation import bond_bounds, format_bytes, simulation_cost
from tests.backends.random_circuits import TestAnsatz, ansaetze, program_state
from tests.qvunet.diagnostics.circuits import ghz, rotations


def bonds(ansatz) -> list[int]:
    program = program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights)
    return bond_bounds(program.num_qubits, program.operations)


def cost(ansatz):
    return simulation_cost(ansatz, light_cones(ansatz))


def schmidt_ranks(state: np.ndarray) -> list[int]:
    num_qubits = len(state).bit_length() - 1
    return [
        int(np.sum(np.linalg.svd(state.reshape(2**cut, -1), compute_uv=False) > 1e-9))
        for cut in range(num_qubits + 1)
    ]


@settings(max_examples=40)
@given(ansaetze(max_qubits=5, max_gates=10))
def test_bounds_are_never_too_small(ansatz):
    program = program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights)
    angles = np.random.default_rng(0).uniform(-np.pi, np.pi, program.num_angles)
    ranks = schmidt_ranks(program_state(program, angles))
    bounds = bond_bounds(program.num_qubits, program.operations)
    assert all(rank <= bound for rank, bound in zip(ranks, bounds, strict=True))


@pytest.mark.parametrize("num_layers", [1, 2])
def test_registers_of_hqconv_are_joined_by_a_bond_that_doubles_with_each_layer(num_layers):
    ansatz = hqconv(num_layers)
    truth = TestAnsatz(ansatz.circuit, ansatz.inputs, ansatz.weights)
    state = truth.states(*truth.parameters(groups=1, rows=1))[0, 0]
    found = bonds(ansatz)
    assert found[4] == found[8] == 2**num_layers == schmidt_ranks(state)[4]


def test_a_chain_of_cx_has_bond_two():
    assert bonds(ghz(5)) == [1, 2, 2, 2, 2, 1]


def test_rotations_have_none():
    found = cost(rotations(3))
    assert [part.bonds for part in found.parts] == [()] * 3
    assert {part.bond for part in found.parts} == {1}
    assert found.cone_bytes == 2 * 16


def test_swaps_and_three_qubit_gates_count_as_much_as_they_must():
    circuit = QuantumCircuit(4)
    circuit.cx([0, 3], [1, 2])
    circuit.swap(1, 2)
    assert bonds(TestAnsatz(circuit, [], [])) == [1, 2, 4, 2, 1]
    circuit = QuantumCircuit(3)
    circuit.ccx(0, 1, 2)
    assert bonds(TestAnsatz(circuit, [], [])) == [1, 2, 2, 1]


def test_memory():
    found = cost(fqconv(3))
    assert [part.qubits for part in found.parts] == [(p, p + 4, p + 8) for p in range(4)]
    assert {part.state_bytes for part in found.parts} == {16 * 8}
    assert found.verdict == (
        "a laptop simulates this circuit exactly: "
        "the state of its 4 independent parts of at most 3 qubits takes 512 B"
    )
    assert cost(hqconv(3)).verdict.endswith("the state of its one part takes 64 KiB")


def line(num_qubits: int) -> TestAnsatz:
    """A chain of CRX: few qubits are in a light cone of two steps, bonds are small, the state is large."""
    w = ParameterVector("w", 2 * num_qubits)
    circuit = QuantumCircuit(num_qubits)
    for k in range(num_qubits):
        circuit.rx(w[k], k)
    for k in range(num_qubits - 1):
        circuit.crx(w[num_qubits + k], k, k + 1)
    return TestAnsatz(circuit, [], w)


def test_a_product_state_where_nothing_else_fits():
    assert cost(line(50)).verdict.startswith(
        "a laptop simulates this circuit exactly: its matrix-product state takes at most"
    )


def test_a_light_cone_where_states_are_too_large():
    circuit = QuantumCircuit(50)
    circuit.h(range(50))
    for start in (0, 1):
        for k in range(start, 49, 2):
            circuit.cx(k, k + 1)
    assert "largest light cone takes" in cost(TestAnsatz(circuit, [], [])).verdict


def test_no_laptop(monkeypatch):
    monkeypatch.setattr(simulation, "LAPTOP_BYTES", 100)
    assert cost(basic_entangler()).verdict == (
        "no laptop holds a state of this circuit: the smallest way known here takes 256 B"
    )


def test_units():
    assert [format_bytes(n) for n in (512, 2**16, 3 * 2**40, 2**60)] == [
        "512 B",
        "64 KiB",
        "3 TiB",
        "1024 PiB",
    ]
