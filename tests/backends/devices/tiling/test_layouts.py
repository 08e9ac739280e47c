from __future__ import annotations

import math
from itertools import islice

import pytest
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.circuit.library import CZGate, Measure, RZGate, SXGate, XGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import InstructionProperties, Target

from backends import UserError, make_backend
from backends.circuits.emission import angle_circuit
from backends.devices.calibration import calibrated_at, success_probability
from backends.devices.device import SubDevice, load_device
from backends.devices.tiling.choice import TileChoice
from backends.devices.tiling.layouts import (
    MIN_RELATIVE_SUCCESS,
    TilePlace,
    TilingPenalty,
    good_tiles,
    place_tiles,
)
from qvunet.ansatz import basic_entangler

PAIR = basic_entangler(num_qubits=2, num_layers=1)


@pytest.fixture(scope="module")
def manila():
    """Five qubits in a line."""
    return load_device("fake_manila")


def line_target(cz_errors: list[float]) -> Target:
    """Qubits in a line whose only errors are those of CZ."""
    n = len(cz_errors) + 1
    target = Target(num_qubits=n)
    for gate in (RZGate(0.1), SXGate(), XGate()):
        target.add_instruction(
            gate.base_class(*gate.params), {(q,): InstructionProperties(error=0.0) for q in range(n)}
        )
    target.add_instruction(Measure(), {(q,): InstructionProperties(error=0.0) for q in range(n)})
    target.add_instruction(
        CZGate(), {(q, q + 1): InstructionProperties(error=e) for q, e in enumerate(cz_errors)}
    )
    return target


def test_success_is_the_product_over_gates_and_readouts(manila):
    circuit = QuantumCircuit(5)
    circuit.sx(1)
    circuit.cx(1, 2)
    circuit.rz(0.3, 2)
    circuit.barrier()
    target = manila.target
    errors = [target["sx"][(1,)].error, target["cx"][(1, 2)].error, target["measure"][(2,)].error]
    expected = math.prod(1 - error for error in errors)
    assert success_probability(circuit, target, [2]) == pytest.approx(expected)
    assert expected < 0.99


def test_what_a_target_gives_no_error_for_counts_as_perfect():
    circuit = QuantumCircuit(2)
    circuit.cz(0, 1)
    circuit.h(0)
    target = line_target([0.25])
    assert success_probability(circuit, target, [0, 1]) == 0.75


def test_tiles_lie_apart_until_none_fits(manila):
    places = list(place_tiles(angle_circuit(PAIR), manila, "pauli"))
    qubits = [qubit for place in places for qubit in place.qubits]
    assert len(places) == 2
    assert len(set(qubits)) == len(qubits) == 4
    assert all(abs(a - b) == 1 for a, b in (place.qubits for place in places))
    assert all(0 < place.success < 1 for place in places)


def test_the_first_tile_takes_the_best_place():
    device = GenericBackendV2(4, seed=0)
    device._target = line_target([0.3, 0.3, 0.01])
    part = SubDevice(device, range(4))
    circuit = QuantumCircuit(2)
    circuit.cz(0, 1)
    first, second = place_tiles(circuit, part, "pauli")
    assert (first.qubits, second.qubits) == ((2, 3), (0, 1))
    assert first.success == pytest.approx(0.99)
    assert second.success == pytest.approx(0.7)


def test_tiles_are_placed_once_for_the_choice_and_its_penalty():
    asked = []

    def place(circuit):
        asked.append(circuit)
        yield from [TilePlace((0,), 0.9), TilePlace((1,), 0.8), TilePlace((2,), 0.1)]

    choice = TileChoice("auto", place)
    assert choice.penalty(angle_circuit(PAIR)).worst == 0.8
    assert choice.penalty(angle_circuit(PAIR)).tiles == 2
    assert len(asked) == 1


@pytest.mark.parametrize("lowering", ["pauli", "merged"])
def test_both_ways_of_compiling_place_tiles_of_several_parts(lowering):
    pairs = QuantumCircuit(3)  # a pair and a single qubit
    angle = ParameterVector("a", 2)
    pairs.rx(angle[0], 0)
    pairs.rzz(angle[1], 0, 1)
    pairs.rx(0.3, 2)
    device = load_device("fake_fez")
    places = list(islice(place_tiles(pairs, device, lowering), 3))
    qubits = [qubit for place in places for qubit in place.qubits]
    assert len(set(qubits)) == len(qubits) == 9
    assert all(0.5 < place.success < 1 for place in places)


def test_a_circuit_that_fits_nowhere_is_refused(manila):
    with pytest.raises(UserError, match="fake_manila"):
        next(place_tiles(angle_circuit(basic_entangler(num_qubits=6, num_layers=1)), manila, "pauli"))


def test_good_tiles_end_before_the_first_bad_one():
    def places(*successes):
        return iter([TilePlace((k,), success) for k, success in enumerate(successes)])

    limit = MIN_RELATIVE_SUCCESS * 0.9
    assert len(good_tiles(places(0.9, 0.89, limit, limit - 0.01, 0.9))) == 3
    assert len(good_tiles(places(0.9))) == 1


def test_the_penalty_compares_with_one_circuit_alone():
    penalty = TilingPenalty.of([TilePlace((0,), 0.8), TilePlace((1,), 0.6), TilePlace((2,), 0.7)])
    assert (penalty.tiles, penalty.single, penalty.worst) == (3, 0.8, 0.6)
    assert penalty.mean == pytest.approx(0.7)
    assert str(penalty) == "estimated success 0.80 alone; of 3 tiles 0.70 in the mean, 0.60 the worst"


def test_a_number_of_tiles_asks_no_device():
    def never(circuit):
        raise AssertionError

    assert TileChoice(3, never)(angle_circuit(PAIR)) == 3


def test_auto_chooses_once_and_can_be_told():
    asked = []

    def place(circuit):
        asked.append(circuit)
        return iter([TilePlace((0,), 0.9), TilePlace((1,), 0.9), TilePlace((2,), 0.1)])

    choice, circuit = TileChoice("auto", place), angle_circuit(PAIR)
    assert (choice(circuit), choice(angle_circuit(PAIR)), len(asked)) == (2, 2, 1)
    other = angle_circuit(basic_entangler(num_qubits=3, num_layers=1))
    assert choice(other) == 2
    assert len(asked) == 2


def test_too_many_tiles_are_refused_with_the_number_that_fits(manila):
    backend = make_backend("aer_shots", noise_model="fake_manila", tiles=3)
    with pytest.raises(UserError, match="tiles = 3: the device has room for 2"):
        backend.tiling_penalty(PAIR)


def test_auto_on_a_device_runs(manila):
    backend = make_backend("aer_shots", noise_model="fake_manila", tiles="auto", shots=10)
    assert backend.tiling_penalty(PAIR).tiles == len(good_tiles(place_tiles(angle_circuit(PAIR), manila)))


def test_tiles_without_a_device_have_no_penalty_to_tell():
    with pytest.raises(UserError, match="noise_model = None"):
        make_backend("aer_shots", tiles=2).tiling_penalty(PAIR)


@pytest.mark.parametrize(
    ("name", "options"), [("aer_shots", {"noise_model": None}), ("ibm_runtime", {})], ids=str
)
def test_auto_needs_a_named_device(name, options):
    with pytest.raises(UserError, match="calibration; name"):
        make_backend(name, tiles="auto", **options)


def test_a_noise_file_has_no_room_for_tiles(tmp_path):
    path = tmp_path / "noise.json"
    path.write_text('{"errors": []}')
    with pytest.raises(UserError, match="name a device"):
        make_backend("aer_shots", noise_model=str(path), tiles=2).layer(PAIR)


def test_the_calibration_s_date(manila):
    assert calibrated_at(manila).startswith("20")
    assert calibrated_at(SubDevice(manila, [0, 1])) is None
