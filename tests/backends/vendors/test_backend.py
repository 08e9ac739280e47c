"""The backend `estimator` on every estimator that comes with Qiskit and Aer."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.primitives import BackendEstimatorV2, StatevectorEstimator
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import EstimatorV2
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from backends import UserError, make_backend
from backends.errors import ExecutionError
from qvunet.ansatz import basic_entangler, fqconv, hqconv
from tests.backends.random_circuits import STANDARD_GATES, TestAnsatz

SMALL = basic_entangler(num_qubits=3, num_layers=1)
EXACT = {"statevector": StatevectorEstimator, "aer": EstimatorV2}


def controlled() -> TestAnsatz:
    """Controlled rotations, which Aer's estimator binds wrongly, and gates that not all simulators know."""
    x, w = ParameterVector("x", 3), ParameterVector("w", 4)
    circuit = QuantumCircuit(3)
    for qubit in range(3):
        circuit.rx(x[qubit], qubit)
    circuit.crx(w[0], 0, 1)
    circuit.crz(w[1], 1, 2)
    circuit.cry(w[2], 2, 0)
    circuit.cp(w[3], 0, 2)
    circuit.append(STANDARD_GATES["cs"], [0, 1])
    circuit.rx(0.4, range(3))
    return TestAnsatz(circuit, [*x], [*w])


class Recorder(StatevectorEstimator):
    """Keeps what it was asked."""

    def __init__(self):
        super().__init__()
        self.jobs = []

    def run(self, pubs, *, precision=None):
        pubs = list(pubs)
        self.jobs.append((pubs, precision))
        return super().run(pubs, precision=precision)


def evaluate(backend, ansatz, rows=2, seed=0, num_circuits=None):
    """Values, and gradients of inputs and weights."""
    torch.manual_seed(seed)
    layer = backend.layer(ansatz, num_circuits)
    groups = () if num_circuits is None else (num_circuits,)
    inputs = torch.rand(rows, *groups, len(ansatz.inputs), requires_grad=True)
    values = layer(inputs)
    (values * torch.linspace(-1, 1, values.shape[-1])).sum().backward()
    return values.detach(), inputs.grad, layer.weight.grad


@pytest.mark.parametrize("gradient", ["param_shift", "surrogate"])
@pytest.mark.parametrize("ansatz", [controlled(), SMALL], ids=["controlled", "entangler"])
@pytest.mark.parametrize("name", EXACT)
def test_exact_estimators_agree_with_the_exact_engine(name, ansatz, gradient):
    backend = make_backend("estimator", estimator=EXACT[name](), gradient=gradient)
    expected = evaluate(make_backend("statevector"), ansatz, num_circuits=2)
    for found, truth in zip(evaluate(backend, ansatz, num_circuits=2), expected, strict=True):
        torch.testing.assert_close(found, truth, atol=1e-5, rtol=0)
    assert backend.tally.executions == 0  # exact values, which no device could give


def test_hqconv_on_the_estimator_of_aer():
    """The trap that cost others a day: its controlled rotations, bound by Aer, would be lost."""
    found = evaluate(make_backend("estimator", estimator=EstimatorV2(), gradient="surrogate"), hqconv(1))
    torch.testing.assert_close(found[0], evaluate(make_backend("statevector"), hqconv(1))[0])


@pytest.mark.parametrize("gate", ["cs", "dcx", "iswap", "rccx", "xx_minus_yy"])
def test_constant_gates_that_a_simulator_may_not_know(gate):
    made = STANDARD_GATES[gate]
    x = ParameterVector("x", made.num_qubits)
    circuit = QuantumCircuit(made.num_qubits)
    for qubit in range(made.num_qubits):
        circuit.ry(x[qubit] + 0.3, qubit)
    circuit.append(made.base_class(*(0.4 + k for k in range(len(made.params)))), range(made.num_qubits))
    circuit.rx(0.9, range(made.num_qubits))
    ansatz = TestAnsatz(circuit, [*x], [])
    inputs, weights = ansatz.parameters(groups=1)
    values = make_backend("estimator", estimator=EstimatorV2()).compile(ansatz)(inputs, weights)
    torch.testing.assert_close(values, ansatz.expectations(inputs, weights), atol=1e-5, rtol=0)


DEVICES = {
    "generic": lambda: GenericBackendV2(5, noise_info=False, seed=1),
    "generic_within_its_estimator": lambda: BackendEstimatorV2(
        backend=GenericBackendV2(5, noise_info=False, seed=1)
    ),
    "any_couplings": AerSimulator,
}


@pytest.mark.filterwarnings("ignore:.*QubitProperties")
@pytest.mark.parametrize("lowering", [None, "pauli"])
@pytest.mark.parametrize("name", DEVICES)
def test_counts_of_a_device_without_noise(name, lowering):
    """Compiled, laid out and measured: six standard errors, and no more."""
    backend = make_backend("estimator", estimator=DEVICES[name](), shots=2000, lowering=lowering)
    values, inputs, weights = evaluate(backend, controlled())
    truth = evaluate(make_backend("statevector"), controlled())
    error = 1 / np.sqrt(2000)
    torch.testing.assert_close(values, truth[0], atol=6 * error, rtol=0)
    # An input's gradient adds up three observables of few rotations each; a weight's, over two rows.
    torch.testing.assert_close(inputs, truth[1], atol=12 * error, rtol=0)
    torch.testing.assert_close(weights, truth[2], atol=12 * error, rtol=0)
    assert (values != truth[0]).any()


@pytest.mark.filterwarnings("ignore:.*QubitProperties")
@pytest.mark.parametrize("letters", ["Z", "ZXY"])
@pytest.mark.parametrize("rows", [2, 70], ids=["few weights", "many"])
def test_bound_is_right_for_whatever_is_read_and_any_number_of_weights(letters, rows):
    base, more = controlled(), ParameterVector("v", 2)
    circuit = base.circuit.copy()
    for angle, pair in zip(more, [(0, 1), (1, 2)], strict=True):
        circuit.crx(angle, *pair)
    observables = [SparsePauliOp.from_sparse_list([(p, [q], 1)], 3) for p in letters for q in range(3)]
    ansatz = TestAnsatz(circuit, base.inputs, [*base.weights, *more], observables)
    inputs, weights = ansatz.parameters(groups=rows, rows=1)
    device = GenericBackendV2(5, noise_info=False, seed=1)
    backend = make_backend("estimator", estimator=device, shots=2000, lowering="bound")
    found = backend.compile(ansatz)(inputs, weights)
    truth = make_backend("statevector").compile(ansatz)(inputs, weights)
    torch.testing.assert_close(found, truth, atol=6 / np.sqrt(2000), rtol=0)


@pytest.mark.parametrize("lowering", [None, "pauli"])
def test_the_noise_of_a_recorded_device(lowering):
    """As `aer_shots` has it, built otherwise; the device's own simulator reads its records otherwise."""
    options = {"shots": 20_000, "lowering": lowering, "gradient": "surrogate"}
    device = AerSimulator.from_backend(FakeManilaV2())
    found = evaluate(make_backend("estimator", estimator=device, **options), SMALL)[0]
    other = evaluate(make_backend("aer_shots", noise_model="fake_manila", **options), SMALL)[0]
    truth = evaluate(make_backend("statevector"), SMALL)[0]
    torch.testing.assert_close(found, other, atol=6 * np.sqrt(2 / 20_000), rtol=0)
    assert (found - truth).abs().max() > 6 / np.sqrt(20_000)
    own = evaluate(make_backend("estimator", estimator=FakeManilaV2(), **options), SMALL)[0]
    assert 2 / np.sqrt(20_000) < (own - truth).abs().max() < 0.2


def test_spsa():
    """Its mean is the gradient: many directions, exact values."""
    options = {"gradient": "spsa", "spsa_directions": 300, "spsa_step": 0.01, "seed": 1}
    found = evaluate(make_backend("estimator", estimator=EstimatorV2(), **options), SMALL)
    truth = evaluate(make_backend("statevector"), SMALL)
    for ours, theirs in zip(found[1:], truth[1:], strict=True):
        torch.testing.assert_close(ours, theirs, atol=0.5, rtol=0)
        assert torch.nn.functional.cosine_similarity(ours.flatten(), theirs.flatten(), 0) > 0.9


def test_one_pub_a_pass():
    recorder = Recorder()
    evaluate(make_backend("estimator", estimator=recorder), SMALL, rows=3)
    assert [len(pubs) for pubs, _ in recorder.jobs] == [1, 1]  # forward, backward
    circuit, observables, rows = recorder.jobs[0][0][0]
    assert np.shape(observables)[:2] == (3, 1)
    assert rows.shape == (3, circuit.num_parameters)
    assert recorder.jobs[0][1] is None  # the estimator's own precision


def test_rows_in_chunks():
    recorder = Recorder()
    chunked = evaluate(make_backend("estimator", estimator=recorder, max_rows=2), SMALL, rows=5)
    whole = evaluate(make_backend("estimator", estimator=Recorder()), SMALL, rows=5)
    for ours, theirs in zip(chunked, whole, strict=True):
        torch.testing.assert_close(ours, theirs)
    sizes = [len(pubs[0][2]) for pubs, _ in recorder.jobs]
    assert sizes[:3] == [2, 2, 1]
    assert max(sizes) == 2


@pytest.mark.parametrize(
    ("options", "asked"), [({"shots": 1000}, 1000**-0.5), ({"precision": 0.02}, 0.02), ({"precision": 0}, 0)]
)
def test_the_precision_that_is_asked_for(options, asked):
    recorder = Recorder()
    make_backend("estimator", estimator=recorder, **options).layer(SMALL)(torch.rand(1, 3))
    assert recorder.jobs[0][1] == pytest.approx(asked, rel=1e-9)


@pytest.mark.parametrize("shots", [1, 7, 1000, 1024, 3000, 10**7])
def test_an_estimator_takes_as_many_shots_as_are_asked_for(shots):
    """Estimators round up, and rounding errors must not make one more: the budget is never exceeded."""
    recorder = Recorder()
    make_backend("estimator", estimator=recorder, shots=shots).layer(SMALL)(torch.rand(1, 3))
    assert int(np.ceil(1 / recorder.jobs[0][1] ** 2)) == shots


def test_identities_are_not_asked():
    recorder = Recorder()
    estimator = make_backend("estimator", estimator=recorder).estimator()
    circuit = QuantumCircuit(2)
    assert estimator.run([(circuit, ["II", "II"])]).result()[0].data.evs.tolist() == [1, 1]
    assert recorder.jobs == []
    assert estimator.run([(circuit, ["II", "ZI"])]).result()[0].data.evs.tolist() == [1, 1]
    assert len(recorder.jobs) == 1


def test_executions_are_counted_and_never_exceed_their_limit():
    recorder = Recorder()
    backend = make_backend("estimator", estimator=recorder, shots=10, max_executions=75)
    layer = backend.layer(SMALL)
    layer(torch.rand(5, 3))
    assert (backend.tally.circuits, backend.tally.executions) == (5, 50)
    backend.start_step(1)  # what is spent stays spent
    with pytest.raises(UserError, match=r"max_executions = 75: 3 circuits of 10 shots .* 50 are spent.* 80"):
        layer(torch.rand(3, 3))
    assert len(recorder.jobs) == 1
    layer(torch.rand(2, 3))
    assert len(recorder.jobs) == 2


def test_the_limit_holds_in_a_backward_pass_and_for_exact_values():
    layer = make_backend("estimator", estimator=StatevectorEstimator(), max_executions=5).layer(SMALL)
    values = layer(torch.rand(2, 3))
    with pytest.raises(UserError, match="max_executions = 5"):
        values.sum().backward()


def test_a_limit_needs_a_number_of_shots():
    class Silent(Recorder):
        default_precision = None

    with pytest.raises(UserError, match=r"max_executions = 5: Silent .* set shots or precision"):
        make_backend("estimator", estimator=Silent(), max_executions=5)
    make_backend("estimator", estimator=Silent(), max_executions=5, shots=10)


def test_the_shots_that_a_device_takes_by_itself_are_counted():
    backend = make_backend("estimator", estimator=FakeManilaV2(), gradient="surrogate")
    backend.layer(SMALL)(torch.rand(2, 3))
    assert backend.tally.executions == 2 * 4096


@pytest.mark.parametrize("failure", [RuntimeError("job cancelled"), KeyError("evs")])
def test_a_failing_estimator_is_told_in_one_message(failure):
    class Broken(StatevectorEstimator):
        def run(self, pubs, *, precision=None):
            raise failure

    with pytest.raises(ExecutionError, match=rf"Broken: {type(failure).__name__}: .*{failure.args[0]}"):
        make_backend("estimator", estimator=Broken()).layer(SMALL)(torch.rand(1, 3))


def test_values_that_are_no_numbers():
    class Nan(StatevectorEstimator):
        def _run_pub(self, pub):
            result = super()._run_pub(pub)
            result.data.evs[...] = np.nan
            return result

    with pytest.raises(ExecutionError, match="no numbers"):
        make_backend("estimator", estimator=Nan()).layer(SMALL)(torch.rand(1, 3))


def test_a_device_that_is_too_small():
    backend = make_backend("estimator", estimator=FakeManilaV2())
    with pytest.raises(UserError, match=r"fake_manila.* 5 qubits, the circuit needs 12"):
        backend.layer(fqconv(1))


@pytest.mark.parametrize(
    ("estimator", "lowering", "words"),
    [
        (StatevectorEstimator, "pauli", "StatevectorEstimator names none"),
        (AerSimulator, "merged", "aer_simulator lists no couplings; allowed: pauli"),
        (FakeManilaV2, "fractional", "fake_manila has no rzz"),
    ],
)
def test_a_lowering_that_the_device_cannot_have(estimator, lowering, words):
    with pytest.raises(UserError, match=f"lowering = {lowering}.*{words}"):
        make_backend("estimator", estimator=estimator(), lowering=lowering)


def test_second_derivatives_are_refused():
    layer = make_backend("estimator", estimator=StatevectorEstimator()).layer(SMALL)
    inputs = torch.rand(1, 3, requires_grad=True)
    (first,) = torch.autograd.grad(layer(inputs).sum(), inputs, create_graph=True)
    with pytest.raises(UserError, match="second derivative"):
        first.sum().backward()


def test_a_layer_of_a_factory_can_be_pickled():
    options = {"num_qubits": 5, "noise_info": False}
    backend = make_backend(
        "estimator", factory="qiskit.providers.fake_provider:GenericBackendV2", options=options, shots=100
    )
    layer = backend.layer(SMALL)
    copy = pickle.loads(pickle.dumps(layer))
    assert copy.backend.options == backend.options
    assert copy.backend.estimator() is not backend.estimator()
    assert torch.equal(copy.weight, layer.weight)
    assert copy(torch.rand(2, 3)).shape == (2, 3)


def test_weights_from_any_backend():
    layer = make_backend("statevector").layer(SMALL)
    other = make_backend("estimator", estimator=EstimatorV2()).layer(SMALL)
    other.load_state_dict(layer.state_dict())
    inputs = torch.rand(2, 3)
    torch.testing.assert_close(other(inputs), layer(inputs))
