from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import SparsePauliOp, Statevector, random_unitary

from backends.circuits.program import program_from_circuit, without_controls
from backends.circuits.structure import components
from backends.devices.lowering import emit, lower
from backends.devices.lowering.blocks import Block, merge
from backends.devices.lowering.edges import at_end, at_start
from backends.devices.lowering.skeleton import Skeleton
from qvunet.ansatz import fqconv, hqconv
from tests.backends.devices.lowering.devices import LINE, device


def elements(circuit: QuantumCircuit):
    return at_end(at_start(merge(without_controls(program_from_circuit(circuit)).operations)))


def edges(circuit: QuantumCircuit) -> list[str | None]:
    return [each.edge for each in elements(circuit) if isinstance(each, Block)]


def unrouted(ansatz, *, read_in_z: bool) -> int:
    """Two-qubit gates if all qubits were coupled."""
    program = without_controls(program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights))
    skeletons = [
        Skeleton.of(part.operations, len(part.qubits), len(part.angles), read_in_z=read_in_z)
        for part in components(program)
    ]
    return sum(1 if each.is_clifford else 2 for found in skeletons for each in found.interactions)


def controlled(circuit: QuantumCircuit, control: int, target: int, seed: int) -> None:
    """A controlled gate of no special kind."""
    circuit.append(UnitaryGate(random_unitary(2, seed=seed)).control(), [control, target])


def z_products(circuit: QuantumCircuit, num_qubits: int) -> np.ndarray:
    """The expectation of every product of Z."""
    state = Statevector(circuit)
    some = [chosen for k in range(num_qubits) for chosen in combinations(range(num_qubits), k + 1)]
    paulis = [SparsePauliOp.from_sparse_list([("Z" * len(c), list(c), 1)], num_qubits) for c in some]
    layout = circuit.layout
    return np.array(
        [state.expectation_value(p if layout is None else p.apply_layout(layout)).real for p in paulis]
    )


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_random_blocks_at_both_edges_are_exact_in_every_product_of_z(data):
    """Controlled gates of any kind, any single-qubit gates between, on up to four qubits."""
    num_qubits = data.draw(st.integers(2, 4))
    circuit = QuantumCircuit(num_qubits)
    seeds = st.integers(0, 10_000)
    for _ in range(data.draw(st.integers(1, 7))):
        first, second = data.draw(st.permutations(range(num_qubits)))[:2]
        if data.draw(st.booleans()):
            circuit.append(UnitaryGate(random_unitary(2, seed=data.draw(seeds))), [first])
        if data.draw(st.booleans()):
            circuit.rz(0.7, second)
        controlled(circuit, first, second, data.draw(seeds))
    chip = device(LINE(num_qubits))
    program = program_from_circuit(circuit)
    truth = z_products(circuit, num_qubits)
    for lowering in ("merged", "bound"):
        lowered = emit(lower(components(program), chip, lowering), num_qubits)
        made = lowered.circuit.assign_parameters(lowered.values(np.zeros((1, 0)))[0])
        np.testing.assert_allclose(z_products(made, num_qubits), truth, atol=1e-9, err_msg=lowering)


def test_one_gate_does_where_the_target_is_fresh_and_where_nothing_but_diagonals_follow():
    circuit = QuantumCircuit(3)
    controlled(circuit, 0, 1, 1)  # 1 is fresh
    controlled(circuit, 1, 0, 2)  # neither
    controlled(circuit, 1, 2, 3)  # 2 is fresh
    controlled(circuit, 0, 1, 4)  # 1 is a target afterwards
    controlled(circuit, 0, 1, 5)  # the same block
    circuit.ry(0.3, 1)
    controlled(circuit, 2, 1, 6)  # 2 is a target afterwards
    controlled(circuit, 0, 2, 7)  # the last of both
    assert edges(circuit) == ["start", None, "start", None, None, "end"]


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (lambda circuit: circuit.ry(0.3, 1), "end"),  # on the target, and so a part of the block
        (lambda circuit: circuit.rz(0.3, 0), "end"),  # diagonal on the control
        (lambda circuit: circuit.cz(0, 1), "end"),  # likewise, and merged
        (lambda circuit: circuit.ry(0.3, 0), None),  # turns the control away from Z
    ],
    ids=["target", "diagonal", "cz", "control"],
)
def test_what_may_follow_a_block_at_the_end(gate, expected):
    circuit = QuantumCircuit(2)
    controlled(circuit, 1, 0, 1)
    circuit.cx(1, 0)
    circuit.ry(0.4, 1)
    controlled(circuit, 0, 1, 2)
    gate(circuit)
    assert edges(circuit)[-1] == expected


def test_a_block_that_is_none_stays_none():
    angles = ParameterVector("a", 2)
    circuit = QuantumCircuit(2)
    for angle in angles:
        circuit.cx(0, 1)
        circuit.rx(angle, 1)
    program = program_from_circuit(circuit, angles)
    for read_in_z in (False, True):
        assert Skeleton.of(program.operations, 2, 2, read_in_z=read_in_z).interactions == ()


def test_a_reading_in_x_sees_what_is_lost_at_the_end():
    """Why `bound` is for readings in Z alone."""
    ansatz = fqconv(num_layers=1)
    (part, *_) = components(
        program := without_controls(program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights))
    )
    rng = np.random.default_rng(0)
    inputs, weights = rng.uniform(-3, 3, (1, 12)), rng.uniform(0, 6, (1, 24))
    values = program.angles(inputs, weights)
    states = {}
    for lowering in ("merged", "bound"):
        lowered = emit(lower([part], device(LINE(3)), lowering), 3)
        made = lowered.circuit.assign_parameters(lowered.values(values)[0])
        observable = SparsePauliOp("IIX").apply_layout(made.layout)
        states[lowering] = Statevector(made).expectation_value(observable).real
    assert abs(states["merged"] - states["bound"]) > 0.01


@pytest.mark.parametrize(
    ("ansatz", "state", "readings"),
    [
        (hqconv(num_layers=1), 19, 17),
        (hqconv(num_layers=3), 75, 67),
        (fqconv(num_layers=1), 16, 12),
        (fqconv(num_layers=3), 64, 56),
    ],
    ids=["hqconv 1", "hqconv 3", "fqconv 1", "fqconv 3"],
)
def test_gates_without_routing(ansatz, state, readings):
    """Two for each of 14 or 12 pairs a layer, without what the edges save; as docs/hardware.md says."""
    assert (unrouted(ansatz, read_in_z=False), unrouted(ansatz, read_in_z=True)) == (state, readings)
