import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp

from backends import UserError, make_backend
from backends.aer import simulator
from backends.aer.exact import AerExactEstimator
from qvunet.ansatz import basic_entangler, fqconv, hqconv
from tests.backends.random_circuits import STANDARD_GATES, TestAnsatz, ansaetze
from tests.backends.reference import case_name, cases, run_case

X, W = ParameterVector("x", 3), ParameterVector("w", 2)


def entangled():
    """A circuit of three parameters whose names sort differently from their use, and of uneven qubits."""
    a, b, c = Parameter("b"), Parameter("c"), Parameter("a")
    circuit = QuantumCircuit(3)
    circuit.ry(a, 0)
    circuit.crx(b, 0, 1)
    circuit.rz(2 * c + 0.3, 1)
    circuit.cry(a - c, 1, 0)
    circuit.ry(b, 2)
    return circuit


def assert_same_as_qiskit(*pubs):
    own = AerExactEstimator().run(pubs).result()
    qiskit = StatevectorEstimator(default_precision=0.0).run(pubs).result()
    assert len(own) == len(qiskit)
    for ours, theirs in zip(own, qiskit, strict=True):
        assert ours.data.evs.shape == theirs.data.evs.shape
        assert ours.data.stds.shape == theirs.data.stds.shape
        np.testing.assert_allclose(ours.data.evs, theirs.data.evs, atol=1e-10)
        np.testing.assert_array_equal(ours.data.stds, 0)


@pytest.mark.parametrize("case", cases(), ids=case_name)
def test_reference(case):
    result = run_case(make_backend("aer_statevector"), case, torch.float32)
    for name, values in result.items():
        torch.testing.assert_close(values, torch.tensor(case[name]), atol=2e-4, rtol=0)


@pytest.mark.parametrize("gradient", ["param_shift", "surrogate"])
@pytest.mark.parametrize("ansatz", [fqconv(1), basic_entangler(3, 2)], ids=lambda a: a.name)
def test_agrees_with_the_exact_engine(ansatz, gradient):
    """Several circuits at once, values and gradients, whichever way they are found."""
    results = []
    for backend in (make_backend("statevector"), make_backend("aer_statevector", gradient=gradient)):
        torch.manual_seed(0)
        layer = backend.layer(ansatz, num_circuits=2)
        inputs = torch.rand(3, 2, ansatz.num_qubits, requires_grad=True)
        values = layer(inputs)
        (values * torch.linspace(-1, 1, ansatz.num_qubits)).sum().backward()
        results.append((values, inputs.grad, layer.weight.grad))
    torch.testing.assert_close(*results, atol=1e-5, rtol=0)


@settings(max_examples=25, phases=[Phase.generate])
@given(ansaetze(max_qubits=4, max_gates=8).filter(lambda a: a.inputs or a.weights))
def test_random_circuits(ansatz):
    inputs, weights = ansatz.parameters()
    values = make_backend("aer_statevector").compile(ansatz)(inputs, weights)
    torch.testing.assert_close(values, ansatz.expectations(inputs, weights), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "name",
    STANDARD_GATES,
)
def test_every_constant_standard_gate(name):
    gate = STANDARD_GATES[name]
    (t,) = parameters = [Parameter("t")]
    circuit = QuantumCircuit(gate.num_qubits)
    for qubit in range(gate.num_qubits):
        circuit.ry(t + qubit, qubit)
    circuit.append(gate.base_class(*(0.4 + k for k in range(len(gate.params)))), range(gate.num_qubits))
    circuit.rx(0.9, range(gate.num_qubits))
    labels = ["Z" + "I" * (gate.num_qubits - 1), "Y" * gate.num_qubits]
    assert circuit.parameters == set(parameters)
    assert_same_as_qiskit((circuit, labels, [[0.7]]))


def test_several_pubs():
    other = QuantumCircuit(1)
    other.ry(Parameter("t"), 0)
    assert_same_as_qiskit(
        (entangled(), "ZZZ", [0.1, 0.2, 0.3]),
        (other, ["X", "Z"], [[0.4]]),
        (entangled(), "IXY", [[0.5, 0.1, 0.2], [1.0, 2.0, 3.0]]),
    )


@pytest.mark.parametrize(
    ("observables", "values"),
    [
        ("ZII", [0.1, 0.2, 0.3]),
        (["ZII", "IXY"], [0.1, 0.2, 0.3]),
        ("ZIZ", np.linspace(0, 2, 12).reshape(4, 3)),
        (["ZIZ", "YXI"], np.linspace(0, 2, 6).reshape(2, 3)),
        ([["ZIZ"], ["YXI"]], np.linspace(0, 2, 12).reshape(4, 3)),
        ([["ZIZ", "XII"]], np.linspace(0, 2, 18).reshape(2, 1, 3, 3)[:, :, :1]),
        ([[["ZIZ"]], [["XII"]]], np.linspace(0, 2, 18).reshape(2, 3, 3)),
    ],
    ids=["scalar", "two-observables", "rows", "paired", "outer", "broadcast", "outer-2d"],
)
def test_broadcasting(observables, values):
    assert_same_as_qiskit((entangled(), observables, values))


def test_sums_of_paulis_with_repeated_and_identity_terms():
    observables = [
        SparsePauliOp(["ZII", "IXX", "III"], [0.5, -2.0, 3.0]),
        SparsePauliOp(["III"], [1.5]),
        SparsePauliOp(["ZII", "ZII"], [0.25, 0.5]),
        SparsePauliOp(["YZX"], [1.0]),
    ]
    assert_same_as_qiskit((entangled(), [[o] for o in observables], np.linspace(0, 2, 6).reshape(2, 3)))


def test_identity_alone():
    assert_same_as_qiskit((entangled(), "III", [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]))


def test_idle_qubits_and_separate_parts():
    circuit = QuantumCircuit(5)
    t = ParameterVector("t", 2)
    circuit.ry(t[0], 4)
    circuit.crx(t[1], 4, 1)
    circuit.ry(2 * t[1], 2)
    circuit.ry(t[0] + 1, 3)
    labels = ["ZIIII", "IIIXI", "XIZYI", "ZZZZZ", "IIIIZ"]
    assert_same_as_qiskit((circuit, [[label] for label in labels], [[0.4, 0.9], [1.3, -0.2]]))


@pytest.mark.parametrize("observables", ["ZZ", ["ZZ", "XX", "II", "ZI"]])
def test_circuits_without_parameters(observables):
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    assert_same_as_qiskit((circuit, observables))


def test_no_pubs():
    assert len(AerExactEstimator().run([]).result()) == 0


def test_a_requested_precision_adds_no_noise():
    pub = (entangled(), "ZZZ", [0.1, 0.2, 0.3])
    exact = AerExactEstimator().run([pub]).result()[0].data.evs
    assert AerExactEstimator().run([pub], precision=0.5).result()[0].data.evs == exact


def test_parameters_may_come_by_name():
    """In the order of their names an array means b, c, a as 1, 2, 0."""
    circuit = entangled()
    named = {"b": [0.1], "c": [0.2], "a": [0.3]}
    own = AerExactEstimator().run([(circuit, "ZZZ", named), (circuit, "ZZZ", [[0.3, 0.1, 0.2]])]).result()
    np.testing.assert_allclose(own[0].data.evs, own[1].data.evs)


def _with(append):
    circuit = QuantumCircuit(2, 1)
    for qubit in (0, 1):
        circuit.rx(X[qubit], qubit)
        circuit.ry(W[qubit], qubit)
    circuit.rz(X[2], 0)
    append(circuit)
    return TestAnsatz(circuit, [*X], [*W])


@pytest.mark.parametrize(
    ("ansatz", "named"),
    [
        (_with(lambda c: (c.measure(0, 0), c.h(0))), "'measure'"),
        (_with(lambda c: c.reset(0)), "'reset'"),
        (_with(lambda c: c.rx(X[0].sin() * Parameter("stray"), 0)), "'stray'"),
        (_with(lambda c: c.rx(Parameter("stray"), 0)), "'stray'"),
    ],
)
def test_a_layer_is_refused_when_it_is_made(ansatz, named):
    with pytest.raises(UserError, match=named):
        make_backend("aer_statevector").layer(ansatz)


def test_parameters_that_the_circuit_does_not_use():
    """As `statevector` does."""
    circuit = QuantumCircuit(1)
    circuit.rx(X[1], 0)
    circuit.ry(W[0], 0)
    ansatz = TestAnsatz(circuit, [*X], [*W])
    inputs, weights = ansatz.parameters(groups=1)
    values = make_backend("aer_statevector").compile(ansatz)(inputs, weights)
    torch.testing.assert_close(values, ansatz.expectations(inputs, weights), atol=1e-6, rtol=0)


def test_threads_are_handed_to_aer():
    assert AerExactEstimator(threads=1).simulator.options.max_parallel_threads == 1
    assert AerExactEstimator().simulator.options.max_parallel_threads == torch.get_num_threads()
    assert make_backend("aer_statevector", threads=1).estimator().simulator.options.max_parallel_threads == 1


def test_hqconv_of_three_layers_runs_as_one_circuit():
    """The whole register at once: no component is smaller, and nothing is lost on the way to Aer."""
    ansatz = hqconv(3)
    test = TestAnsatz(ansatz.circuit, [*ansatz.inputs], [*ansatz.weights])
    inputs, weights = test.parameters(groups=1, rows=1)
    values = make_backend("aer_statevector").compile(ansatz)(inputs, weights)
    torch.testing.assert_close(values, test.expectations(inputs, weights), atol=1e-6, rtol=0)


def test_probabilities_come_in_chunks(monkeypatch):
    ansatz = fqconv(1)
    layer, inputs = make_backend("aer_statevector").layer(ansatz), torch.rand(7, 12)
    whole = layer(inputs)
    monkeypatch.setattr(simulator, "PROBABILITIES", 2**4)  # two rows of a three-qubit part
    torch.testing.assert_close(layer(inputs), whole)
