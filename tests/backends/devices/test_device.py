from __future__ import annotations

import numpy as np
import pytest
import torch
from qiskit.circuit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit.transpiler.exceptions import TranspilerError
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.fake_provider import FakeAlmadenV2

from backends import make_backend
from backends.circuits.emission import angle_circuit
from backends.devices.calibration import calibrated_at
from backends.devices.compiling import compile_circuit
from backends.devices.device import (
    SubDevice,
    fake_device_names,
    isa_circuit,
    isa_circuits,
    load_device,
    restrict,
)
from backends.errors import UserError
from qvunet.ansatz import basic_entangler, hqconv
from tests.backends.random_circuits import z_observables


@pytest.fixture(scope="module")
def chip():
    return load_device("fake_kingston")


def test_load_device_knows_the_recorded_devices(chip):
    assert (chip.name, chip.num_qubits) == ("fake_kingston", 156)
    assert {"fake_kingston", "fake_fez", "fake_nighthawk"} <= set(fake_device_names())


def test_an_unknown_device_is_refused_with_the_allowed_names():
    with pytest.raises(UserError, match=r"'fake_nowhere'.*fake_kingston"):
        load_device("fake_nowhere")


def test_a_real_device_needs_an_account(monkeypatch, tmp_path):
    monkeypatch.setattr("qiskit_ibm_runtime.QiskitRuntimeService", _no_account)
    with pytest.raises(UserError, match=r"'ibm_fez'.*account"):
        load_device("ibm_fez")


def _no_account():
    raise ValueError("token abc is not valid")


def test_isa_circuit_uses_only_what_works(chip):
    circuit = isa_circuit(hqconv(num_layers=1).circuit, chip)
    for item in circuit.data:
        place = tuple(circuit.find_bit(qubit).index for qubit in item.qubits)
        found = chip.target[item.operation.name][place]
        assert found.error is None or found.error < 1


def test_isa_circuit_refuses_too_large_a_circuit():
    with pytest.raises(UserError, match="has 3 qubits, the circuit needs 12"):
        isa_circuit(hqconv(num_layers=1).circuit, GenericBackendV2(3, seed=0))


def test_restrict_keeps_the_circuit_and_its_observables(chip):
    ansatz = hqconv(num_layers=1)
    small, device = restrict(isa_circuit(ansatz.circuit, chip), chip)
    assert small.num_qubits == device.num_qubits < 25
    values = np.random.default_rng(0).uniform(-np.pi, np.pi, len(ansatz.circuit.parameters))
    truth = Statevector(ansatz.circuit.assign_parameters(values))
    state = Statevector(small.assign_parameters(values))
    pairs = [*ansatz.observables[:4], SparsePauliOp.from_sparse_list([("XZY", [0, 5, 11], 1.0)], 12)]
    for observable in pairs:
        moved = observable.apply_layout(small.layout)
        assert state.expectation_value(moved) == pytest.approx(truth.expectation_value(observable), abs=1e-9)


def test_restrict_keeps_idle_qubits_and_measurements():
    device = GenericBackendV2(6, seed=0)
    circuit = QuantumCircuit(3, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.barrier()
    circuit.measure([0, 1], [0, 1])
    small, _ = restrict(isa_circuit(circuit, device), device)
    assert small.num_qubits == 3
    assert small.count_ops()["measure"] == 2
    counts = AerSimulator(seed_simulator=0).run(small, shots=100).result().get_counts()
    assert set(counts) == {"00", "11"}


def test_a_part_keeps_the_calibration_of_its_qubits(chip):
    part = SubDevice(SubDevice(chip, [3, 16, 23, 22]), [2, 3])
    assert part.chip_qubits == (23, 22)
    for k, qubit in enumerate(part.chip_qubits):
        for name in ("sx", "measure"):
            assert part.target[name][(k,)].error == chip.target[name][(qubit,)].error
        assert part.target.qubit_properties[k].t1 == chip.target.qubit_properties[qubit].t1
    assert part.target["cz"][(0, 1)].error == chip.target["cz"][(23, 22)].error
    assert part.target.dt == chip.target.dt


def test_a_part_can_be_simulated_with_its_noise(chip):
    part = SubDevice(chip, [22, 23])
    assert not NoiseModel.from_backend(part).is_ideal()
    circuit = QuantumCircuit(2)
    circuit.x(0)
    circuit.measure_all()
    counts = part.run(circuit, shots=4000, seed_simulator=0).result().get_counts()
    assert counts["01"] > 3500
    assert len(counts) > 1


def test_apply_layout_follows_swaps():
    line = GenericBackendV2(4, coupling_map=[[0, 1], [1, 2], [2, 3]], seed=1)
    circuit = QuantumCircuit(4)
    for a in range(4):
        circuit.ry(0.3 + a, a)
        for b in range(a):
            circuit.cx(a, b)
    small, _ = restrict(isa_circuit(circuit, line), line)
    state, truth = Statevector(small), Statevector(circuit)
    for observable in z_observables(4):
        expected = truth.expectation_value(observable)
        assert state.expectation_value(observable.apply_layout(small.layout)) == pytest.approx(expected)


def test_a_device_of_u1_u2_u3_has_their_calibration_on_the_gates_that_replaced_them():
    recorded, device = FakeAlmadenV2().target, load_device("fake_almaden")
    names = set(device.target.operation_names)
    assert names >= {"rz", "sx", "x", "cx", "measure"}
    assert names.isdisjoint({"u1", "u2", "u3"})
    for old, new in {"u1": "rz", "u2": "sx", "u3": "x", "cx": "cx"}.items():
        for place, found in recorded[old].items():
            assert device.target[new][place].error == found.error
            assert device.target[new][place].duration == found.duration
    assert calibrated_at(device) is not None
    assert device.num_qubits == 20


@pytest.mark.parametrize("lowering", ["pauli", "merged"])
def test_a_device_of_u1_u2_u3_is_simulated_alike_on_every_path(lowering):
    ansatz, inputs = basic_entangler(num_qubits=3, num_layers=1), torch.rand(1, 3)
    exact = make_backend("statevector").layer(ansatz)
    for name, key in [("aer_shots", "noise_model"), ("ibm_runtime", "backend_name")]:
        layer = make_backend(name, shots=2048, lowering=lowering, **{key: "fake_almaden"}).layer(ansatz)
        layer.load_state_dict(exact.state_dict())
        with torch.no_grad():
            assert (layer(inputs) - exact(inputs)).abs().max() < 0.4


def test_seeds_by_which_qiskit_finds_no_way_are_passed_over():
    """The chip's CX and ECR each go one way, which Qiskit's transpiler loses sight of at times."""
    circuit, device = angle_circuit(basic_entangler(num_qubits=3, num_layers=1)), load_device("fake_cairo")
    assert len(list(isa_circuits(circuit, device, 2, range(5)))) == 4
    with pytest.raises(TranspilerError):
        list(isa_circuits(circuit, device, 2, [4]))
    assert compile_circuit(circuit, device, "pauli", seed=4).circuit.num_nonlocal_gates() == 6
