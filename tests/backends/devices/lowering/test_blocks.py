from __future__ import annotations

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import SwapGate, iSwapGate

from backends.circuits.program import Fixed, program_from_circuit, without_controls
from backends.devices.lowering.blocks import Block, Reading, merge, readings
from backends.devices.lowering.skeleton import Skeleton


def operations(circuit: QuantumCircuit):
    return without_controls(program_from_circuit(circuit)).operations


def blocks(circuit: QuantumCircuit) -> list[Block]:
    return [element for element in merge(operations(circuit)) if isinstance(element, Block)]


def test_crz_and_crx_are_one_block():
    circuit = QuantumCircuit(3)
    circuit.crz(0.3, 0, 1)
    circuit.rx(0.1, 2)
    circuit.crx(0.4, 0, 1)
    (block,) = blocks(circuit)
    assert (block.control, block.axis, block.target) == (0, "Z", 1)


def test_the_reading_that_merges_most_is_taken():
    circuit = QuantumCircuit(2)
    circuit.rzz(0.3, 0, 1)  # either way
    circuit.rx(0.1, 0)
    circuit.cx(1, 0)
    circuit.ry(0.2, 0)
    circuit.crx(0.4, 1, 0)
    (block,) = blocks(circuit)
    assert (block.control, block.target, len(block.operations)) == (1, 0, 5)


def test_what_has_no_common_reading_is_not_merged():
    circuit = QuantumCircuit(2)
    circuit.crx(0.3, 0, 1)
    circuit.rx(0.1, 0)
    circuit.crx(0.4, 0, 1)  # still one in the eigenbasis of X on qubit 1
    circuit.crx(0.5, 1, 0)
    first, second = blocks(circuit)
    assert (first.control, first.axis, len(first.operations)) == (1, "X", 3)
    assert len(second.operations) == 1


def test_another_pair_ends_a_block():
    circuit = QuantumCircuit(3)
    circuit.rzz(0.3, 0, 1)
    circuit.rx(0.2, 1)
    circuit.rzz(0.3, 1, 2)
    circuit.rzz(0.4, 0, 1)
    found = merge(operations(circuit))
    assert [type(element) is Block for element in found] == [True, False, True, True]


def test_readings_of_constant_gates():
    circuit = QuantumCircuit(3)
    circuit.cx(2, 1)
    (cx,) = program_from_circuit(circuit).operations
    assert readings(cx) == {Reading(2, "Z"), Reading(1, "X")}
    assert readings(Fixed(SwapGate().to_matrix(), (0, 1))) == frozenset()
    assert readings(Fixed(iSwapGate().to_matrix(), (0, 1))) == frozenset()


@pytest.mark.parametrize(("count", "kinds"), [(1, [True]), (2, [])])
def test_a_cx_is_an_interaction_of_constant_angle_and_two_are_none(count, kinds):
    circuit = QuantumCircuit(2)
    for _ in range(count):
        circuit.cx(0, 1)
        circuit.rx(0.3, 1)
    skeleton = Skeleton.of(operations(circuit), 2, 2 * count)
    assert [each.is_clifford for each in skeleton.interactions] == kinds
    assert skeleton.evaluate(np.zeros((5, 2 * count))).slots.shape == (5, 2 * len(kinds) + 2, 2, 2)
