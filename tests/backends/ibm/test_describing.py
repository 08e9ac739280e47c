"""What is kept of a job beside its numbers."""

from __future__ import annotations

import json

import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from backends.circuits.stored import from_qpy
from backends.devices.device import isa_circuit, load_device, restrict
from backends.ibm.describing import describe
from backends.ibm.settings import estimator_options
from backends.options import IbmRuntimeOptions


def test_where_qubits_lie_on_the_chip_and_what_the_device_says_of_them():
    device = load_device("fake_guadalupe")
    circuit = QuantumCircuit(3)
    for pair in ((0, 1), (1, 2), (2, 0)):  # no three qubits of the chip are coupled so: one has to move
        circuit.cx(*pair)
    placed, part = restrict(isa_circuit(circuit, device, optimization_level=0), device)
    read = [
        SparsePauliOp.from_sparse_list([("Z", [k], 1.0)], 3).apply_layout(placed.layout) for k in range(3)
    ]
    options = estimator_options(
        IbmRuntimeOptions(backend_name="fake_guadalupe", shots=32, resilience_level=2)
    )
    sent = describe(placed, read, part.chip_qubits, device, options)
    facts = json.loads(sent.facts)

    assert from_qpy(sent.qpy) == placed
    assert facts["chip_qubits"] == list(part.chip_qubits)
    assert facts["layout"]["initial"] != facts["layout"]["final"]
    ends = [part.chip_qubits[qubit] for ((_, (qubit,), _),) in facts["observables"]]
    assert ends == facts["layout"]["final"]

    calibration, known = facts["calibration"], device.properties()
    assert calibration["calibrated_at"] == known.last_update_date.isoformat()
    assert set(calibration["qubits"]) == {str(qubit) for qubit in part.chip_qubits}
    for qubit, values in calibration["qubits"].items():
        t1 = next(value for value in values if value["name"] == "T1")
        assert t1["value"] * 1e-6 == pytest.approx(known.t1(int(qubit)))
    coupled = [gate["qubits"] for gate in calibration["gates"] if len(gate["qubits"]) == 2]
    assert len(coupled) == 4  # two couplings, each in both directions
    assert {qubit for pair in coupled for qubit in pair} == set(part.chip_qubits)

    assert facts["options"]["resilience"]["zne_mitigation"] is True  # by the rules of level 2
    assert facts["options"]["default_shots"] == 32
    assert not {"environment", "simulator", "max_execution_time"} & set(facts["options"])
