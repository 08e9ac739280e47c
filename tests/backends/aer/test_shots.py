from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import DensityMatrix, SparsePauliOp, Statevector, SuperOp
from qiskit_aer.noise import (
    NoiseModel,
    ReadoutError,
    depolarizing_error,
    pauli_error,
    thermal_relaxation_error,
)

from backends import UserError, make_backend
from backends.aer import shots as shots_module
from backends.aer import simulator
from backends.aer.shots import AerShotsEstimator
from backends.circuits.program import program_from_circuit, without_controls
from backends.devices.device import load_device
from backends.devices.placement import on_device
from qvunet.ansatz import basic_entangler, fqconv
from tests.backends import reference
from tests.backends.devices.lowering.devices import LINE, device, with_lone_qubits
from tests.backends.random_circuits import TestAnsatz
from tests.backends.statistics import assert_standard_normal_moments, slope

RING = basic_entangler(num_qubits=3, num_layers=2)


def layer_of(ansatz, **options):
    torch.manual_seed(0)
    return make_backend("aer_shots", threads=1, **options).layer(ansatz)


def fixed(circuit: QuantumCircuit) -> TestAnsatz:
    """A circuit without parameters, beside a qubit that reads the input and does nothing with it."""
    x = ParameterVector("x", 1)
    whole = QuantumCircuit(circuit.num_qubits + 1)
    whole.rz(x[0], circuit.num_qubits)
    return TestAnsatz(whole.compose(circuit, range(circuit.num_qubits)), [*x], [])


@pytest.fixture(scope="module")
def kingston():
    return load_device("fake_kingston")


def test_errors_are_those_of_counting():
    layer = layer_of(RING, shots=100)
    exact = make_backend("statevector").layer(RING)
    exact.load_state_dict(layer.state_dict())
    inputs = 6 * torch.rand(4400, 3)
    with torch.no_grad():
        assert_standard_normal_moments(layer(inputs), exact(inputs), 100)


def test_errors_are_those_of_counting_beyond_a_chunk_too(monkeypatch):
    monkeypatch.setattr(shots_module, "CHUNK_SHOTS", 32)
    test_errors_are_those_of_counting()


def test_shots_with_noise_come_in_chunks_of_their_own_seeds(monkeypatch):
    layer = layer_of(RING, noise_model="fake_manila", shots=1000)
    runs = []

    def run_rows(*arguments, **options):
        runs.append(options)
        return simulator.run_rows(*arguments, **options)

    monkeypatch.setattr(shots_module, "run_rows", run_rows)
    with torch.no_grad():
        whole = layer(torch.zeros(1, 3))
        assert [run.pop("shots") for run in runs] == [1000]
        layer.backend.start_step(0)
        monkeypatch.setattr(shots_module, "CHUNK_SHOTS", 300)
        chunked = layer(torch.zeros(1, 3))
    assert [run.pop("shots") for run in runs[1:]] == [300, 300, 300, 100]
    assert runs[0] == runs[1]
    assert len({run["seed_simulator"] for run in runs[1:]}) == 4
    assert (whole - chunked).abs().max() < 6 / 1000**0.5


@pytest.mark.parametrize(
    ("name", "options", "limit"),
    [
        ("aer_shots", {"shots": 10**10}, 10**9),
        ("aer_shots", {"shots": 10**9, "noise_model": "fake_manila"}, 10**8),
        ("statevector", {"shots": 10**10}, 10**9),
        ("ibm_runtime", {"shots": 10**8}, 10**7),
    ],
)
def test_shots_beyond_reason_are_refused_with_the_limit(name, options, limit):
    with pytest.raises(UserError, match=f"shots = {options['shots']}.*{limit}"):
        make_backend(name, **options)


def test_a_thousand_million_shots_take_no_longer_than_a_few():
    layer, exact = layer_of(RING, shots=10**9), make_backend("statevector").layer(RING)
    exact.load_state_dict(layer.state_dict())
    inputs = torch.rand(2, 3)
    with torch.no_grad():
        torch.testing.assert_close(layer(inputs), exact(inputs), atol=2e-4, rtol=0)


@pytest.mark.parametrize("case", reference.cases(), ids=reference.case_name)
def test_values_agree_with_the_reference(case):
    shots = 20_000
    layer = layer_of(reference.ansatz_of(case), shots=shots)
    layer.load_state_dict({"weight": torch.tensor(case["weights"])})
    with torch.no_grad():
        values = layer(torch.tensor(case["inputs"]))
    expected = torch.tensor(case["expectations"])
    sigma = ((1 - expected**2) / shots).sqrt() + 1 / shots
    assert ((values - expected) / sigma).abs().max() < 5


def test_both_engines_draw_from_one_distribution():
    """The noise of the qubits is correlated; its covariance is that of the exact distribution."""
    ansatz, shots, rows = RING, 50, 1500
    inputs = torch.tensor([[0.4, 1.3, 0.2]]).expand(rows, 3)
    weight = torch.full((6,), 0.5)
    state = Statevector(ansatz.circuit.assign_parameters(_values(ansatz, inputs[0], weight)))
    signs = 1 - 2 * ((np.arange(8)[:, None] >> np.arange(3)) & 1)
    exact = np.cov(signs.T, aweights=state.probabilities(), ddof=0) / shots
    assert np.abs(exact - np.diag(np.diag(exact))).max() > 0.1 / shots  # or there is nothing to see
    for name in ("statevector", "aer_shots"):
        layer = make_backend(name, shots=shots, threads=1).layer(ansatz)
        layer.load_state_dict({"weight": weight})
        with torch.no_grad():
            measured = np.cov(layer(inputs).double().numpy().T)
        np.testing.assert_allclose(measured, exact, atol=5 / shots / rows**0.5)


def _values(ansatz, inputs, weight):
    parameters = [*zip(ansatz.inputs, inputs, strict=True), *zip(ansatz.weights, weight, strict=True)]
    return {parameter: float(value) for parameter, value in parameters}


def test_gradient_variance_falls_as_one_over_shots():
    shots, variances = [128, 512, 2048], []
    for n in shots:
        layer = layer_of(basic_entangler(num_qubits=2, num_layers=1), shots=n, seed=n)
        inputs = torch.full((150, 2), 0.7, requires_grad=True)
        layer(inputs).sum().backward()
        variances.append(float(inputs.grad.var(0).mean()))
    assert slope(shots, variances) == pytest.approx(-1, abs=0.1)


def test_noise_is_fresh_reproducible_and_independent_among_rows():
    circuit = QuantumCircuit(1)
    circuit.h(0)
    layer = layer_of(fixed(circuit), shots=50)
    inputs = torch.zeros(400, 1)
    first, second = layer(inputs)[:, :1], layer(inputs)[:, :1]
    assert not torch.equal(first, second)
    assert float(first.detach().var()) * 50 == pytest.approx(1, rel=0.3)
    neighbours = torch.corrcoef(torch.cat([first[1:], first[:-1]], dim=1).T.detach())[0, 1]
    assert abs(neighbours) < 0.2
    layer.backend.start_step(0)
    assert torch.equal(layer(inputs)[:, :1], first)


def noisy_z(circuit: QuantumCircuit, noise_model: NoiseModel, wires) -> list[float]:
    """<Z> by evolving a density matrix gate by gate, with the errors that the noise model lists."""
    state = DensityMatrix.from_label("0" * circuit.num_qubits)
    for item in circuit.data:
        qubits = tuple(circuit.find_bit(qubit).index for qubit in item.qubits)
        state = state.evolve(item.operation, qubits)
        name = item.operation.name
        error = noise_model._local_quantum_errors.get(name, {}).get(qubits)
        error = error or noise_model._default_quantum_errors.get(name)
        if error is not None:
            state = state.evolve(SuperOp(error), qubits)
    values = []
    for wire in wires:
        readout = noise_model._local_readout_errors.get((wire,))
        confusion = np.eye(2) if readout is None else readout.probabilities
        zero, one = state.probabilities([wire]) @ confusion
        values.append(zero - one)
    return values


def three_qubits() -> QuantumCircuit:
    """Deep enough to feel the noise, with the gates that Aer binds wrongly."""
    circuit = QuantumCircuit(3)
    rng = np.random.default_rng(4)
    for _ in range(4):
        for qubit in range(3):
            circuit.ry(rng.uniform(-1, 1), qubit)
            circuit.crx(rng.uniform(-1, 1), qubit, (qubit + 1) % 3)
            circuit.crz(rng.uniform(-1, 1), (qubit + 1) % 3, qubit)
    return circuit


@pytest.mark.parametrize(
    ("method", "lowering"),
    [("density_matrix", None), ("density_matrix", "pauli"), ("statevector", "merged")],
)
def test_a_device_moves_expectations_as_its_density_matrix_does(kingston, method, lowering):
    shots = 60_000 if method == "density_matrix" else 2000
    options = {"noise_model": "fake_kingston", "lowering": lowering, "seed_transpiler": 1}
    layer = layer_of(RING, shots=shots, method=method, **options)
    inputs = torch.tensor([[0.2, 0.5, -0.4]])
    with torch.no_grad():
        measured = layer(inputs)[0].numpy()
    program = without_controls(program_from_circuit(RING.circuit, RING.circuit.parameters))
    (piece,) = on_device(kingston, 2, 1, lowering)(program)
    values = _values(RING, inputs[0], layer.weight.data)
    angles = program.angles(np.array([values[p] for p in RING.circuit.parameters]), np.zeros(0))
    own = piece.angles(angles[None, list(piece.components[0].angles)])[0]
    bound = piece.circuit.assign_parameters(dict(zip(piece.parameters, own, strict=True)))
    expected = noisy_z(bound, piece.noise_model, piece.wires)
    np.testing.assert_allclose(measured, expected, atol=5 / shots**0.5)
    ideal = make_backend("statevector").layer(RING)
    ideal.load_state_dict(layer.state_dict())
    if method == "density_matrix":  # with so many shots the noise itself is plainly seen
        assert np.abs(measured - ideal(inputs)[0].detach().numpy()).max() > 5 / shots**0.5


def test_independent_parts_have_qubits_of_their_own(kingston):
    circuit = fqconv(num_layers=1).circuit
    pieces = on_device(kingston, 1, 0)(without_controls(program_from_circuit(circuit, circuit.parameters)))
    places = [piece.place.removeprefix("fake_kingston qubits ").split(", ") for piece in pieces]
    used = [qubit for place in places for qubit in place]
    assert len(pieces) == 4
    assert len(used) == len(set(used)) == sum(piece.num_qubits for piece in pieces)
    for piece, place in zip(pieces, places, strict=True):
        for wire in piece.wires:
            found = piece.noise_model._local_readout_errors[(wire,)].probabilities
            measure = kingston.target["measure"][(int(place[wire]),)]
            assert found[0, 1] == pytest.approx(getattr(measure, "prob_meas1_prep0", measure.error))


def test_a_circuit_is_compiled_once(monkeypatch):
    layer = layer_of(RING, noise_model="fake_kingston", shots=50)
    estimator = layer.backend._shared_estimator
    calls, place = [], estimator.placement
    estimator.placement = lambda program: calls.append(program) or place(program)
    other = layer.backend.layer(RING)
    for made in (layer, other, layer):
        made(torch.rand(2, 3))
    assert len(calls) == 1


def test_the_method_follows_the_size():
    estimator = AerShotsEstimator()
    noisy = [SimpleNamespace(noise_model=object(), num_qubits=n) for n in (3, 10, 11, 13)]
    assert [estimator.method_for(piece, 1024) for piece in noisy] == [
        "density_matrix",
        "density_matrix",
        "statevector",
        "statevector",
    ]
    assert estimator.method_for(noisy[3], 10**6) == "statevector"
    assert estimator.method_for(SimpleNamespace(noise_model=None, num_qubits=3), 1024) == "statevector"


@pytest.fixture
def noise_file(tmp_path):
    """Qubit 1 is read wrongly, X on qubit 0 fails, relaxation follows SX (so there are Kraus matrices)."""
    model = NoiseModel()
    model.add_quantum_error(pauli_error([("X", 0.2), ("I", 0.8)]), "x", [0])
    model.add_quantum_error(thermal_relaxation_error(50e-6, 60e-6, 20e-6), "sx", [2])
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), "cx")
    model.add_readout_error(ReadoutError([[0.9, 0.1], [0.3, 0.7]]), [1])
    model.add_basis_gates(["rz", "sx", "x", "cx"])
    path = tmp_path / "noise.json"
    path.write_text(json.dumps(model.to_dict(serializable=True)))
    return path


def test_a_saved_noise_model(noise_file):
    circuit = QuantumCircuit(4)
    circuit.x([0, 1, 3])
    circuit.sx(2)
    shots = 40_000
    values = layer_of(fixed(circuit), noise_model=str(noise_file), shots=shots)(torch.zeros(1, 1))[0].detach()
    assert values[0] == pytest.approx(-0.6, abs=5 / shots**0.5)
    assert values[1] == pytest.approx(-0.4, abs=5 / shots**0.5)
    assert values[3] == -1
    assert values[2] == pytest.approx(1 - np.exp(-20 / 50), abs=5 / shots**0.5)


def test_a_saved_noise_model_on_entangled_qubits(noise_file):
    circuit = QuantumCircuit(3)
    circuit.x(2)
    circuit.cx(2, 0)  # the depolarising error of CX leaves 9/10 of each Z
    values = layer_of(fixed(circuit), noise_model=str(noise_file), shots=40_000)(torch.zeros(1, 1))[
        0
    ].detach()
    assert values[0] == pytest.approx(-0.9, abs=0.025)


@pytest.mark.parametrize("content", ["", "{}", '{"errors": [{"type": "odd"}]}'])
def test_a_bad_noise_file_is_refused(tmp_path, content):
    path = tmp_path / "noise.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"noise\.json: not a saved noise model"):
        layer_of(RING, noise_model=str(path))


def test_a_missing_noise_file_or_device_is_refused():
    with pytest.raises(UserError, match=r"nowhere\.json: cannot be read"):
        layer_of(RING, noise_model="nowhere.json")
    with pytest.raises(UserError, match="unknown; allowed: fake_aachen"):
        layer_of(RING, noise_model="fake_nowhere")


def test_lowering_without_a_device_is_refused(noise_file):
    for name in (None, str(noise_file)):
        with pytest.raises(UserError, match="lowering = merged: circuits are lowered for a device"):
            layer_of(RING, noise_model=name, lowering="merged")


@pytest.mark.parametrize("gates", [["u3", "cx"], ["u1", "u2", "u3", "cx"], ["p", "sx", "cz"], ["u", "cx"]])
def test_rotations_keep_the_noise_of_the_gates_that_a_noise_model_knows(tmp_path, gates):
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.3, 1), [g for g in gates if g[0] in "us"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), gates[-1])
    model.add_basis_gates(gates)
    path = tmp_path / "noise.json"
    path.write_text(json.dumps(model.to_dict(serializable=True)))
    exact, inputs = layer_of(RING, shots=10**9), torch.rand(1, 3)
    noisy = layer_of(RING, noise_model=str(path), shots=4096)
    with torch.no_grad():
        assert noisy(inputs).abs().max() < 0.6 * exact(inputs).abs().max()


LOWERINGS = [
    (name, {key: "fake_manila", "lowering": lowering})
    for name, key in [("aer_shots", "noise_model"), ("ibm_runtime", "backend_name")]
    for lowering in ("pauli", "merged")
]


@pytest.mark.parametrize(("name", "options"), LOWERINGS)
def test_too_small_a_device_is_told_so_in_its_own_numbers(name, options):
    layer = make_backend(name, **options).layer(fqconv(num_layers=1))
    with pytest.raises(UserError, match="device fake_manila: has 5 qubits, the circuit needs 12"):
        layer(torch.zeros(1, 12))


@pytest.mark.parametrize("lowering", ["pauli", "merged"])
def test_tiles_that_do_not_fit_are_told_so_in_the_device_s_own_numbers(lowering):
    layer = layer_of(RING, noise_model="fake_manila", lowering=lowering, tiles=2)
    with pytest.raises(UserError, match="device fake_manila: has 5 qubits, the circuit needs 6"):
        layer(torch.zeros(2, 3))


def test_parts_that_find_no_coupled_qubits_are_told_so():
    pairs = QuantumCircuit(4)
    pairs.cz(0, 1)
    pairs.cz(2, 3)
    program = without_controls(program_from_circuit(pairs))
    chip = device(with_lone_qubits(LINE(3), 2))
    for lowering in ("pauli", "merged"):
        with pytest.raises(UserError, match="has 5 qubits, the circuit needs 4, but there is no room"):
            on_device(chip, 1, 0, lowering)(program)


def test_every_wanted_basis_is_measured():
    circuit = real_amplitudes(3, reps=1).assign_parameters(np.linspace(0.3, 2, 6))
    circuit.s(1)
    paulis = ["XXI", "IYZ", "ZIX", "YIY", "III"]
    ops = [SparsePauliOp(p) for p in paulis]
    values = AerShotsEstimator(threads=1).run([(circuit, ops)], precision=0.005).result()[0].data.evs
    truth = [Statevector(circuit).expectation_value(op).real for op in ops]
    np.testing.assert_allclose(values, truth, atol=5 * 0.005)
