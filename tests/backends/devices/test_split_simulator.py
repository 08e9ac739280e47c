from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit_aer import AerSimulator

from backends.devices.device import SubDevice, load_device
from backends.devices.split_simulator import SplitSimulator, independent_parts


@pytest.fixture(scope="module")
def device() -> SubDevice:
    """Five qubits in a line, with noise."""
    return SubDevice(load_device("fake_manila"), range(5))


def two_pairs() -> tuple[QuantumCircuit, ParameterVector]:
    """Qubits 0, 1 and 3, 4 of five, measured crosswise into two registers; only the first pair turns."""
    a = ParameterVector("a", 1)
    circuit = QuantumCircuit(5)
    for first in (0, 3):
        circuit.sx(first)
        circuit.cx(first, first + 1)
    circuit.rz(a[0], 0)
    circuit.sx(0)
    circuit.barrier()
    return measured(circuit, [4, 0, 3, 1]), a


def measured(circuit: QuantumCircuit, qubits: list[int]) -> QuantumCircuit:
    whole = QuantumCircuit(circuit.num_qubits, len(qubits))
    whole.compose(circuit, inplace=True)
    whole.measure(qubits, range(len(qubits)))
    return whole


def test_parts_share_no_gate_and_unmeasured_ones_are_left_out():
    circuit, _ = two_pairs()
    parts = independent_parts(circuit)
    assert [qubits for qubits, _ in parts] == [[0, 1], [3, 4]]
    assert [part.num_qubits for _, part in parts] == [2, 2]
    assert all(part.num_clbits == 4 for _, part in parts)
    assert sum(len(part.data) for _, part in parts) == 6 + 4


def test_a_shared_classical_bit_joins_parts():
    circuit = QuantumCircuit(2, 1)
    circuit.measure(0, 0)
    circuit.x(1)
    circuit.measure(1, 0)
    assert [qubits for qubits, _ in independent_parts(circuit)] == [[0, 1]]


def test_outcomes_are_distributed_as_those_of_the_whole_circuit(device):
    circuit, a = two_pairs()
    shots, binds = 5000, [{a[0]: [0.4, 2.0]}]
    whole = AerSimulator.from_backend(device, method="density_matrix")
    runs = [
        simulator.run(circuit, parameter_binds=binds, shots=shots, memory=True, seed_simulator=1).result()
        for simulator in (whole, SplitSimulator.on(device, 1))
    ]
    for row in range(2):
        expected, found = (Counter(run.results[row].data.memory) for run in runs)
        for outcome in expected | found:
            bound = 5 * (2 * shots * (max(expected[outcome], 1) / shots)) ** 0.5
            assert abs(expected[outcome] - found[outcome]) < bound


def test_parts_and_rows_are_independent_and_a_seed_repeats_them(device):
    circuit = QuantumCircuit(4)
    circuit.sx([0, 2])
    circuit = measured(circuit, [0, 2])
    simulator = SplitSimulator.on(device, 1)

    def bits(seed):
        result = simulator.run([circuit] * 2, shots=4000, memory=True, seed_simulator=seed).result()
        return np.array(
            [[[int(shot, 16) >> k & 1 for k in range(2)] for shot in r.data.memory] for r in result.results]
        )

    first = bits(7)
    np.testing.assert_array_equal(first, bits(7))
    assert (first != bits(8)).any()
    series = first.transpose(0, 2, 1).reshape(4, -1)  # two circuits of two parts
    assert np.abs(np.corrcoef(series) - np.eye(4)).max() < 5 / 4000**0.5


@pytest.mark.parametrize("angle", [[], [0.0]], ids=["constant", "bound"])
def test_a_qubit_that_waits_relaxes_by_its_t1(device, angle):
    """Qubit 0 is in |1> between two gates with qubit 1, which is busy with qubit 2 meanwhile."""
    cut, gates = SubDevice(device, [0, 1, 2]), 40
    a = ParameterVector("a", 1)
    circuit = QuantumCircuit(3, 1)
    circuit.x(0)
    circuit.cx(1, 0)  # does nothing but hold the X: gates are as late as can be
    for _ in range(gates):
        circuit.cx(1, 2)
    if angle:
        circuit.rz(a[0], 1)
    circuit.cx(1, 0)
    circuit.measure(0, 0)
    ones = {}
    for idling in (False, True):
        simulator = SplitSimulator.on(cut, threads=1, idling=idling)
        binds = [{a[0]: angle}] if angle else None
        result = simulator.run(circuit, binds, shots=20_000, memory=True, seed_simulator=1).result()
        ones[idling] = np.mean([int(shot, 16) & 1 for shot in result.results[0].data.memory])
    seconds = gates * cut.target["cx"][1, 2].duration
    survived = np.exp(-seconds / cut.target.qubit_properties[0].t1)
    assert survived < 0.95
    assert ones[True] == pytest.approx(ones[False] * survived, abs=0.02)
