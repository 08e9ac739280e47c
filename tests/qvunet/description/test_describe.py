from __future__ import annotations

import pytest
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qvunet.ansatz import ANSATZES, Ansatz
from qvunet.config import load_config
from qvunet.description.describe import describe, describe_model
from tests.qvunet.networks import build


@pytest.mark.parametrize(
    ("options", "classical", "quantum"),
    [
        ({"preset": "compact"}, 483_321, 0),
        ({"preset": "compact", "ansatz": "fqconv", "num_layers": 3}, 475_281 - 288, 288),
        ({"preset": "wide", "ansatz": "fqconv"}, 6_884_273, 6_884_561 - 6_884_273),
        ({"preset": "wide", "ansatz": "hqconv"}, 6_884_273, 6_884_609 - 6_884_273),
        ({"preset": "compact", "ansatz": "hqconv", "share_circuits": True, "num_circuits": 5}, None, 4 * 28),
        ({"preset": "compact", "ansatz": "hqconv", "core": "mlp"}, None, 0),
    ],
)
def test_blocks_hold_every_weight_once(options, classical, quantum):
    net = build(**options, sample_size=28, double=False)
    blocks = describe_model(net).blocks
    counts = net.num_parameters_by_kind()
    assert sum(block.num_classical for block in blocks) == counts["classical"]
    assert sum(block.num_quantum for block in blocks) == counts["quantum"] == quantum
    assert classical in (None, counts["classical"])


def test_blocks_come_in_order_with_their_shapes():
    found = describe_model(build(sample_size=28, num_classes=2, double=False))
    names = [block.name for block in found.blocks]
    assert names[:3] == ["embedding", "stem", "down.level1_a"]
    assert names[-2:] == ["up.last", "head"]
    assert names.index("down.level4_end") + 1 == names.index("vertex.a")
    assert [block.shape for block in found.path("vertex")] == [(40, 2, 2)] * 2
    assert found.blocks[0].label == "timestep embedding and classes"
    assert "cosine attention" in found.path("vertex")[0].label


def test_circuits_are_found_where_they_sit():
    found = describe_model(
        build(ansatz="hqconv", num_layers=2, quanv=True, hybridization=1.0, sample_size=28, double=False)
    )
    told = [(g.block, g.place, g.ansatz.name, g.num_circuits, g.rows) for g in found.circuits]
    halves = ("first half", "second half")
    assert told[:4] == [(f"down.level2_{u}", half, "hqconv", 1, 49) for u in "ab" for half in halves]
    assert told[4:] == [
        (f"vertex.{unit}", half, *circuit)
        for unit in "ab"
        for half in halves
        for circuit in (("hqconv", 13, 13), ("basic_entangler", 1, 1))
    ]
    group = found.circuits[4]
    assert (group.num_qubits, group.num_weights, group.num_patches) == (12, 13 * 56, 1)
    assert group.depth == group.ansatz.circuit.depth() == 1 + 2 * 12
    assert group.two_qubit_depth == group.ansatz.circuit.depth(lambda gate: len(gate.qubits) > 1) == 2 * 12


def test_before_conv_circuits_read_the_input():
    found = describe_model(build(preset="wide", ansatz="fqconv", double=False))
    assert [(group.place, group.num_circuits) for group in found.circuits] == [("input", 8), ("input", 4)]


def test_controls_are_named():
    found = describe_model(build(ansatz="hqconv", core="encoding", double=False))
    assert found.ansatz is None
    assert [block.control for block in found.path("vertex")] == ["encoding"] * 2
    assert {block.control for block in found.path("down")} == {None}


def test_depth_looks_into_composite_gates(monkeypatch):
    def boxed(num_layers: int) -> Ansatz:
        inputs, weights = ParameterVector("x", 4), ParameterVector("w", 2)
        inner = QuantumCircuit(2, name="box")
        inner.ry(weights[0], 0)
        inner.cx(0, 1)
        inner.rzz(weights[1], 0, 1)
        circuit = QuantumCircuit(4)
        for qubit in range(4):
            circuit.rx(inputs[qubit], qubit)
        circuit.append(inner.to_gate(), [2, 3])
        observables = [SparsePauliOp.from_sparse_list([("Z", [i], 1.0)], 4) for i in range(4)]
        return Ansatz("boxed", circuit, inputs, weights, observables)

    monkeypatch.setitem(ANSATZES, "boxed", boxed)
    group = describe_model(build(ansatz="boxed", double=False)).circuits[0]
    assert (group.depth, group.two_qubit_depth, group.num_weights) == (4, 2, 4 * 2)


def test_describing_a_config_needs_no_device(tiny_file):
    hardware = load_config(tiny_file, ["backend.account=nobody"], backend="ibm_runtime")
    assert [group.ansatz.name for group in describe(hardware).circuits] == ["hqconv"] * 4
