from __future__ import annotations

import sys
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import Operator, Statevector
from qiskit.transpiler import InstructionProperties

from backends import make_backend
from backends.circuits.program import program_from_circuit, without_controls
from backends.circuits.structure import components
from backends.devices.lowering import NotBound, bound, choose, emit, lower, routing
from backends.errors import UserError
from backends.gradients.shifts import ParameterShift
from qvunet.ansatz import basic_entangler, fqconv, hqconv
from tests.backends.devices.lowering.devices import GRID, LINE, device, one_way_line, with_lone_qubits
from tests.backends.random_circuits import ansaetze

DEGENERATE = (0.0, np.pi / 2, np.pi, -np.pi, 2 * np.pi, 3 * np.pi / 2)
DEVICES = {
    "cz": device(LINE(5)),
    "fractional": device(LINE(5), fractional=True),
    "cx": one_way_line(5, "cx"),
    "ecr": one_way_line(5, "ecr"),
}


@pytest.fixture(autouse=True)
def few_searches(monkeypatch):
    monkeypatch.setattr(routing, "STARTS_PER_QUBIT", 1)


def ring() -> QuantumCircuit:
    """CRZ then CRX round four qubits, which a line cannot hold without SWAPs."""
    angles = iter(ParameterVector("w", 12))
    circuit = QuantumCircuit(4)
    for qubit in range(4):
        circuit.rx(next(angles), qubit)
    for pair in [(0, 3), (3, 2), (2, 1), (1, 0)]:
        circuit.crz(next(angles), *pair)
        circuit.crx(next(angles), *pair)
    return circuit


def ring_of_three() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    for angle, pair in zip(ParameterVector("w", 3), [(0, 1), (1, 2), (2, 0)], strict=True):
        circuit.rxx(angle, *pair)
        circuit.ry(0.3, pair[0])
    return circuit


def _set_error(chip, errors) -> None:
    for pair, error in errors.items():
        for place in (pair, pair[::-1]):
            chip.target.update_instruction_properties("cz", place, InstructionProperties(7e-8, error))


def lowered_program(circuit: QuantumCircuit, chip, **options):
    program = without_controls(program_from_circuit(circuit, circuit.parameters))
    return program, emit(lower(components(program), chip, **options), chip.num_qubits)


def final_states(circuit: QuantumCircuit, chip, rows: np.ndarray, **options) -> list[np.ndarray]:
    """Of the circuit and of what it is lowered to, from |0...0>, (rows, 2^n) each."""
    program, lowered = lowered_program(circuit, chip, **options)
    values = lowered.values(program.angles(rows, np.zeros(0)))
    assert list(lowered.circuit.parameters) == lowered.parameters
    padded = QuantumCircuit(chip.num_qubits)
    padded.compose(circuit, range(circuit.num_qubits), inplace=True)
    truth = [Operator(padded.assign_parameters(row)).data[:, 0] for row in rows]
    found = [Operator.from_circuit(lowered.circuit.assign_parameters(row)).data[:, 0] for row in values]
    return [np.array(truth), np.array(found)]


def assert_equivalent(circuit: QuantumCircuit, chip, rows: np.ndarray, **options) -> None:
    """One state up to its phase, so that all expectations are the same."""
    truth, found = final_states(circuit, chip, rows, **options)
    np.testing.assert_allclose(abs(np.sum(truth.conj() * found, axis=1)), 1, atol=1e-9)


def assert_equal_in_z(circuit: QuantumCircuit, chip, rows: np.ndarray) -> None:
    """The same probability of every outcome, so that expectations of all products of Z are the same."""
    truth, found = final_states(circuit, chip, rows, lowering="bound")
    np.testing.assert_allclose(abs(found) ** 2, abs(truth) ** 2, atol=1e-9)


@pytest.mark.parametrize("name", DEVICES)
def test_a_ring_is_equivalent_at_random_and_degenerate_angles(name):
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.uniform(-7, 7, (3, 12)), rng.choice(DEGENERATE, (12, 12)), np.zeros((1, 12))])
    assert_equivalent(ring(), DEVICES[name], rows, lowering=name if name == "fractional" else "merged")
    assert_equal_in_z(ring(), DEVICES[name], rows)


@pytest.mark.parametrize("name", DEVICES)
@settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ansatz=ansaetze(max_qubits=4, max_gates=8), seed=st.integers(0, 99))
def test_any_circuit_is_equivalent(name, ansatz, seed):
    rng = np.random.default_rng(seed)
    count = len(ansatz.circuit.parameters)
    rows = np.concatenate([rng.uniform(-7, 7, (1, count)), rng.choice(DEGENERATE, (1, count))])
    assert_equivalent(
        ansatz.circuit, DEVICES[name], rows, lowering=name if name == "fractional" else "merged"
    )
    with suppress(NotBound):
        assert_equal_in_z(ansatz.circuit, DEVICES[name], rows)


@pytest.mark.parametrize("name", DEVICES)
def test_the_circuit_is_in_the_gates_of_the_device(name):
    chip = DEVICES[name]
    _, lowered = lowered_program(ring(), chip, lowering=name if name == "fractional" else "merged")
    assert set(lowered.circuit.count_ops()) <= {"rz", "sx", name, "cz", "rzz"}
    for item in lowered.circuit.data:
        place = tuple(lowered.circuit.find_bit(qubit).index for qubit in item.qubits)
        assert chip.target.instruction_supported(item.operation.name, place)


def test_fractional_angles_stay_in_the_range_of_the_gate():
    program, lowered = lowered_program(ring(), DEVICES["fractional"], lowering="fractional")
    rows = np.random.default_rng(1).uniform(-20, 20, (50, 12))
    values = dict(zip(lowered.parameters, lowered.values(program.angles(rows, np.zeros(0))).T, strict=True))
    angles = np.concatenate([values[item.params[0]] for item in lowered.circuit.get_instructions("rzz")])
    assert angles.min() >= 0
    assert angles.max() <= np.pi / 2
    assert np.ptp(angles) > 1


def test_gradients_by_the_shift_rule_are_exact():
    ansatz = fqconv(num_layers=1)
    chip = device(GRID(3, 4))
    program = without_controls(program_from_circuit(ansatz.circuit, ansatz.circuit.parameters))
    (part, *_) = components(program)
    qubits = list(part.qubits)
    lowered = emit(lower([part], chip), chip.num_qubits)
    values = np.random.default_rng(2).uniform(-4, 4, (1, len(ansatz.circuit.parameters)))
    observable = ansatz.observables[qubits[0]]

    def measured(angles):
        native = lowered.values(angles)
        place = lowered.circuit.layout.final_index_layout()[0]
        states = [Statevector(lowered.circuit.assign_parameters(row)) for row in native]
        return np.array([[1 - 2 * state.probabilities([place])[1]] for state in states])

    shift = ParameterShift(program, [observable])
    gradient = (shift.jacobian(program.angles(values, np.zeros(0)), measured) @ program.angles.inputs_matrix)[
        0, 0
    ]

    def exact(row):
        return Statevector(ansatz.circuit.assign_parameters(row)).expectation_value(observable).real

    step = 1e-5
    for k in range(values.shape[1]):
        shifted = [exact(values[0] + sign * step * np.eye(values.shape[1])[k]) for sign in (1, -1)]
        assert gradient[k] == pytest.approx((shifted[0] - shifted[1]) / (2 * step), abs=1e-8)


@pytest.mark.parametrize(("fractional", "most"), [(False, 5), (True, 4)])
def test_a_swap_merges_with_the_interaction_beside_it(fractional, most):
    chip = device(LINE(12), fractional=fractional)
    _, lowered = lowered_program(
        fqconv(num_layers=1).circuit, chip, lowering="fractional" if fractional else "merged"
    )
    assert lowered.circuit.num_nonlocal_gates() == 4 * most  # a part has one SWAP, on a CZ
    assert lowered.circuit.depth(lambda item: len(item.qubits) == 2) == most


def test_hqconv_needs_no_swap_on_a_square_lattice():
    for lowering, most in (("merged", 19), ("bound", 17)):
        _, lowered = lowered_program(hqconv(num_layers=1).circuit, device(GRID(4, 5)), lowering=lowering)
        assert lowered.circuit.num_nonlocal_gates() == most


def test_a_cx_stays_one_gate():
    _, lowered = lowered_program(basic_entangler(4, 1).circuit, device(GRID(2, 2)))
    assert lowered.circuit.num_nonlocal_gates() == 4


def test_parts_are_on_qubits_of_their_own_and_not_over_a_broken_coupling():
    chip = device(LINE(16))
    _set_error(chip, {(6, 7): 1.0})
    parts = lowered_program(fqconv(num_layers=1).circuit, chip)[1].parts
    taken = [part.route.wires for part in parts]
    assert sum(map(len, taken)) == len(set().union(*taken)) == 12
    assert not any({6, 7} <= wires for wires in taken)


def test_the_best_couplings_are_taken():
    chip = device(LINE(9))
    _set_error(chip, dict.fromkeys([(k, k + 1) for k in range(8)], 0.05) | {(4, 5): 0.01, (5, 6): 0.01})
    program = without_controls(program_from_circuit((circuit := ring_of_three()), circuit.parameters))
    (part,) = lower(components(program), chip)
    assert part.route.wires == {4, 5, 6}


@pytest.mark.parametrize("seed", range(4))
def test_a_chip_of_just_enough_qubits_is_filled(seed):
    _, lowered = lowered_program(fqconv(num_layers=1).circuit, device(LINE(12)), seed=seed)
    assert lowered.circuit.num_nonlocal_gates() == 4 * 5


def test_too_small_a_device_is_refused():
    with pytest.raises(UserError, match="has 11 qubits, the circuit needs 12"):
        lowered_program(fqconv(num_layers=1).circuit, device(LINE(11)))
    with pytest.raises(
        UserError, match="the circuit needs 12, but there is no room for coupled parts of 3, 3, 3, 3"
    ):
        lowered_program(fqconv(num_layers=1).circuit, device(with_lone_qubits(LINE(11), 1)))


def test_a_device_without_fractional_gates_is_refused():
    with pytest.raises(UserError, match=r"lowering = fractional: .* has no rzz gate; allowed: pauli, merged"):
        lowered_program(ring(), DEVICES["cz"], lowering="fractional")


def test_a_device_with_other_gates_is_refused():
    with pytest.raises(UserError, match=r"needs the gates rz, sx and one of cz, cx, ecr; .*: take pauli"):
        lowered_program(ring(), device(LINE(4), "iswap"))


def test_the_default_is_merged_where_the_device_has_the_gates():
    assert choose(None, DEVICES["ecr"]) == "merged"
    assert choose(None, device(LINE(4), "iswap")) == "pauli"
    assert choose("pauli", DEVICES["cz"]) == "pauli"
    assert choose("fractional", DEVICES["fractional"]) == "fractional"


@pytest.mark.parametrize(
    ("name", "options"),
    [("aer_shots", {"noise_model": "fake_manila"}), ("ibm_runtime", {"backend_name": "fake_manila"})],
)
def test_backends_refuse_what_their_device_cannot_do(name, options):
    layer_backend = make_backend(name, lowering="fractional", **options)
    with pytest.raises(UserError, match="lowering = fractional: fake_manila has no rzz gate"):
        layer_backend.layer(hqconv(num_layers=1))(torch.zeros(1, 12))


@pytest.mark.parametrize("options", [{"twirl_gates": True}, {"resilience_level": 2}])
def test_fractional_gates_cannot_be_twirled(options):
    with pytest.raises(UserError, match="lowering = fractional: fractional gates cannot be twirled"):
        make_backend("ibm_runtime", lowering="fractional", **options)


def placed_gates(circuit: QuantumCircuit, chip, lowering):
    """Which gate is on which qubits of the chip, in order."""
    made = lowered_program(circuit, chip, lowering=lowering)[1].circuit
    return [(item.name, [made.find_bit(qubit).index for qubit in item.qubits]) for item in made.data]


@pytest.mark.parametrize("lowering", ["merged", "bound"])
def test_searches_are_made_once_for_all_processes(lowering, monkeypatch, tmp_path):
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path))
    circuit, chip = ring_of_three(), device(GRID(2, 3))
    first = placed_gates(circuit, chip, lowering)
    monkeypatch.setattr(sys.modules[lower.__module__], "find_routes", None)  # calling it would fail
    monkeypatch.setattr(bound, "_smallest", None)
    monkeypatch.setattr(bound, "_FOUND", {})  # what this process alone knows
    assert placed_gates(circuit, chip, lowering) == first
    with pytest.raises(TypeError):
        lowered_program(circuit, chip, lowering=lowering, seed=1)
