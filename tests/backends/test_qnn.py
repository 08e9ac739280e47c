import numpy as np
import pytest
import torch
from hypothesis import given, settings
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.primitives import StatevectorEstimator
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Pauli, SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer.primitives import EstimatorV2 as StockAerEstimator
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.gradients import ParamShiftEstimatorGradient
from qiskit_machine_learning.neural_networks import EstimatorQNN

from backends.errors import UserError
from backends.qnn import BroadcastEstimatorQNN
from qvunet.ansatz import fqconv
from tests.backends.random_circuits import TestAnsatz, ansaetze, z_observables

X, W = ParameterVector("x", 2), ParameterVector("w", 3)
MIXED = [SparsePauliOp(["ZZ", "XI", "IY"], [0.5, -2.0, 1.0]), SparsePauliOp("XY"), SparsePauliOp("II")]


class SpyEstimator(StatevectorEstimator):
    """Notes the shape of every PUB and the precision asked for."""

    def __init__(self):
        super().__init__()
        self.jobs = []

    def run(self, pubs, *, precision=None):
        pubs = list(pubs)
        self.jobs.append((len(pubs), precision))
        return super().run(pubs, precision=0.0)


def circuit_of_both():
    circuit = QuantumCircuit(2)
    circuit.ry(X[0], 0)
    circuit.crx(W[2], 0, 1)
    circuit.rz(X[1] + 0.3, 1)
    circuit.cry(2 * W[0], 1, 0)
    circuit.rxx(W[1], 0, 1)
    return circuit


def make(cls, circuit=None, estimator=None, **options):
    """A network with exact values, of either class."""
    options = {"input_params": X, "weight_params": W, "input_gradients": True, **options}
    return cls(
        circuit=circuit_of_both() if circuit is None else circuit,
        estimator=estimator or StatevectorEstimator(),
        default_precision=0.0,
        **options,
    )


def assert_same(inputs, weights, **options):
    """Values, gradients and shapes of both classes agree."""
    stock, own = make(EstimatorQNN, **options), make(BroadcastEstimatorQNN, **options)
    expected, actual = stock.forward(inputs, weights), own.forward(inputs, weights)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, atol=1e-10)
    for want, have in zip(stock.backward(inputs, weights), own.backward(inputs, weights), strict=True):
        assert (want is None) == (have is None)
        if want is not None:
            assert have.shape == want.shape
            np.testing.assert_allclose(have, want, atol=1e-10)


@pytest.mark.parametrize("input_gradients", [True, False])
@pytest.mark.parametrize(
    "observables",
    [None, Pauli("ZX"), SparsePauliOp("YI"), z_observables(2), MIXED],
    ids=["default", "pauli", "one", "each-z", "mixed"],
)
def test_same_as_stock(observables, input_gradients):
    inputs = np.array([[0.3, -1.2], [2.0, 0.7], [-0.4, 1.1]])
    assert_same(inputs, [0.4, -0.9, 1.7], observables=observables, input_gradients=input_gradients)


@pytest.mark.parametrize(
    "inputs",
    [[0.3, 0.2], [[0.3, 0.2]], np.linspace(-1, 1, 12).reshape(3, 2, 2)],
    ids=["one-sample", "one-row", "3d-batch"],
)
def test_same_shapes_as_stock(inputs):
    assert_same(inputs, [0.4, -0.9, 1.7], observables=MIXED)


@pytest.mark.parametrize("inputs", [None, []])
def test_no_inputs(inputs):
    circuit = QuantumCircuit(2)
    circuit.ry(W[0], 0)
    circuit.crx(W[2], 0, 1)
    circuit.p(W[1], 1)
    assert_same(inputs, [0.4, -0.9, 1.7], circuit=circuit, input_params=None, observables=MIXED)


@pytest.mark.parametrize("weights", [None, []])
@pytest.mark.parametrize("input_gradients", [True, False])
def test_no_weights(weights, input_gradients):
    circuit = QuantumCircuit(2)
    circuit.ry(X[0], 0)
    circuit.crz(X[1], 0, 1)
    circuit.h(1)
    options = {"weight_params": None, "input_gradients": input_gradients}
    assert_same([[0.1, 0.2], [0.3, 0.4]], weights, circuit=circuit, observables=MIXED, **options)


def test_no_parameters():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    assert_same(None, None, circuit=circuit, input_params=None, weight_params=None, observables=MIXED)
    assert_same(np.zeros((3, 0)), None, circuit=circuit, input_params=None, weight_params=None)


@pytest.mark.parametrize("angle", [X[0] * W[0], X[1].sin() + W[2], W[1] ** 2 * X[0] - 0.3], ids=str)
def test_expressions_that_are_not_affine(angle):
    circuit = circuit_of_both()
    circuit.rx(angle, 0)
    assert_same([[0.3, -1.2], [2.0, 0.7]], [0.4, -0.9, 1.7], circuit=circuit, observables=MIXED)


def test_scalar_input():
    circuit = QuantumCircuit(1)
    circuit.ry(X[0], 0)
    circuit.rx(W[0], 0)
    assert_same(0.4, 0.7, circuit=circuit, input_params=[X[0]], weight_params=[W[0]])


@pytest.mark.parametrize("input_gradients", [True, False])
def test_weights_that_cannot_change_the_observable(input_gradients):
    circuit = QuantumCircuit(1)
    for angle in (*X, *W):
        circuit.rz(angle, 0)
    assert_same([[0.1, 0.2]], [0.4, -0.9, 1.7], circuit=circuit, input_gradients=input_gradients)


@settings(max_examples=12)
@given(ansaetze(max_qubits=3, max_gates=5).filter(lambda a: a.weights and a.inputs))
def test_random_circuits(ansatz):
    """Against Qiskit's state vector; the stock gradients do not know every gate."""
    inputs, weights = ansatz.parameters(groups=1, rows=2)
    qnn = make(
        BroadcastEstimatorQNN,
        circuit=ansatz.circuit,
        input_params=ansatz.inputs,
        weight_params=ansatz.weights,
        observables=ansatz.observables,
    )
    values = qnn.forward(inputs[0].numpy(), weights[0].numpy())
    np.testing.assert_allclose(values, ansatz.expectations(inputs, weights)[0], atol=1e-10)


@pytest.mark.parametrize(("rows", "observables"), [(1, None), (3, MIXED)])
def test_one_pub_a_pass(rows, observables):
    spy = SpyEstimator()
    qnn = make(BroadcastEstimatorQNN, estimator=spy, observables=observables)
    inputs = np.zeros((rows, 2))
    qnn.forward(inputs, [0.4, -0.9, 1.7])
    assert [pubs for pubs, _ in spy.jobs] == [1]
    qnn.backward(inputs, [0.4, -0.9, 1.7])
    assert [pubs for pubs, _ in spy.jobs] == [1, 1]


def test_the_spy_sees_that_stock_makes_many_pubs():
    spy = SpyEstimator()
    qnn = make(EstimatorQNN, estimator=spy, observables=MIXED)
    qnn.forward(np.zeros((2, 2)), [0.4, -0.9, 1.7])
    assert spy.jobs[0][0] == 3


def test_both_passes_ask_for_the_default_precision():
    spy = SpyEstimator()
    qnn = BroadcastEstimatorQNN(
        circuit=circuit_of_both(), estimator=spy, input_params=X, weight_params=W, default_precision=0.25
    )
    qnn.forward([[0.1, 0.2]], [0.1, 0.2, 0.3])
    qnn.backward([[0.1, 0.2]], [0.1, 0.2, 0.3])
    assert [precision for _, precision in spy.jobs] == [0.25, 0.25]


def test_nothing_runs_when_no_gradient_is_wanted():
    spy = SpyEstimator()
    circuit = QuantumCircuit(1)
    circuit.ry(X[0], 0)
    qnn = make(
        BroadcastEstimatorQNN,
        estimator=spy,
        circuit=circuit,
        input_params=[X[0]],
        weight_params=None,
        input_gradients=False,
    )
    assert qnn.backward([[0.1]], None) == (None, None)
    assert spy.jobs == []


def test_input_gradients_may_be_switched_later():
    qnn = make(BroadcastEstimatorQNN, input_gradients=False)
    arguments = [[0.1, 0.2]], [0.1, 0.2, 0.3]
    assert qnn.backward(*arguments)[0] is None
    qnn.input_gradients = True
    np.testing.assert_allclose(
        qnn.backward(*arguments)[0], make(BroadcastEstimatorQNN).backward(*arguments)[0], atol=1e-12
    )


def test_a_gradient_that_is_handed_in_is_used():
    class Counting(ParamShiftEstimatorGradient):
        runs = 0

        def run(self, *arguments, **options):
            Counting.runs += 1
            return super().run(*arguments, **options)

    estimator = StatevectorEstimator(default_precision=0.0)
    qnn = make(BroadcastEstimatorQNN, gradient=Counting(estimator), observables=z_observables(2))
    gradients = qnn.backward([[0.1, 0.2]], [0.1, 0.2, 0.3])
    own = make(BroadcastEstimatorQNN, observables=z_observables(2)).backward([[0.1, 0.2]], [0.1, 0.2, 0.3])
    assert Counting.runs == 1
    for one, other in zip(gradients, own, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_parameters_are_taken_in_the_given_order():
    """Not sorted by name: more than ten of each, reversed, with names that sort against their kind."""
    weights, inputs = ParameterVector("a", 12), ParameterVector("z", 12)
    circuit = QuantumCircuit(12)
    for qubit in range(12):
        circuit.ry(inputs[qubit], qubit)
        circuit.rx(weights[qubit] / 2, qubit)
    ansatz = TestAnsatz(circuit, inputs[::-1], weights[::-1])
    x, w = ansatz.parameters(groups=1, rows=2)
    qnn = make(
        BroadcastEstimatorQNN,
        circuit=circuit,
        input_params=ansatz.inputs,
        weight_params=ansatz.weights,
        observables=ansatz.observables,
    )
    np.testing.assert_allclose(
        qnn.forward(x[0].numpy(), w[0].numpy()), ansatz.expectations(x, w)[0], atol=1e-10
    )


def test_a_circuit_compiled_for_a_device():
    """More qubits than the circuit has, native gates, angles that became sums, observables laid out."""
    device = GenericBackendV2(num_qubits=4, coupling_map=[(0, 1), (1, 2), (2, 3)], seed=1)
    compiled = generate_preset_pass_manager(3, device, initial_layout=[2, 1], seed_transpiler=1).run(
        circuit_of_both()
    )
    inputs, weights = np.array([[0.3, -1.2], [2.0, 0.7]]), [0.4, -0.9, 1.7]
    laid_out = [observable.apply_layout(compiled.layout) for observable in MIXED]
    qnn = make(BroadcastEstimatorQNN, circuit=compiled, observables=laid_out)
    plain = make(BroadcastEstimatorQNN, observables=MIXED)
    np.testing.assert_allclose(qnn.forward(inputs, weights), plain.forward(inputs, weights), atol=1e-10)
    for one, other in zip(qnn.backward(inputs, weights), plain.backward(inputs, weights), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_pass_manager():
    """Which rewrites gates only; the constructor takes it as the stock one does."""
    rewrite = generate_preset_pass_manager(1, basis_gates=["rz", "sx", "x", "cx"], seed_transpiler=1)
    qnn, plain = make(BroadcastEstimatorQNN, pass_manager=rewrite), make(BroadcastEstimatorQNN)
    arguments = np.array([[0.3, -1.2]]), [0.4, -0.9, 1.7]
    np.testing.assert_allclose(qnn.forward(*arguments), plain.forward(*arguments), atol=1e-10)
    for one, other in zip(qnn.backward(*arguments), plain.backward(*arguments), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_torch_connector_end_to_end():
    """Values and all gradients through torch, from a layer before to a loss after."""
    qnn = make(BroadcastEstimatorQNN, observables=z_observables(2))
    initial = np.array([0.4, -0.9, 1.7])
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), TorchConnector(qnn, initial_weights=initial))
    data = torch.rand(4, 3)
    values = net(data)
    assert values.shape == (4, 2)
    values.square().sum().backward()
    angles = net[0](data).detach().numpy()
    jacobian_x, jacobian_w = make(EstimatorQNN, observables=z_observables(2)).backward(angles, initial)
    upstream = 2 * values.detach().numpy()
    np.testing.assert_allclose(net[1].weight.grad, np.einsum("bo,bow->w", upstream, jacobian_w), atol=1e-5)
    to_angles = np.einsum("bo,boi->bi", upstream, jacobian_x)
    np.testing.assert_allclose(net[0].weight.grad, to_angles.T @ data.numpy(), atol=1e-5)


@pytest.mark.parametrize("gate", ["crx", "cry", "crz", "cp"])
def test_stock_aer_binds_our_circuits_rightly(gate):
    """Aer ignores the bound parameter of a controlled rotation; ours holds none (qiskit-aer issue 2323)."""
    circuit = QuantumCircuit(2)
    circuit.ry(X[0], 0)
    circuit.ry(X[1], 1)
    getattr(circuit, gate)(W[0], 0, 1)
    circuit.h(1)
    ansatz = TestAnsatz(circuit, [*X], [W[0]])
    inputs, weights = ansatz.parameters(groups=1, rows=2)
    qnn = make(
        BroadcastEstimatorQNN,
        circuit=circuit,
        estimator=StockAerEstimator(),
        weight_params=[W[0]],
        observables=ansatz.observables,
    )
    values = qnn.forward(inputs[0].numpy(), weights[0].numpy())
    np.testing.assert_allclose(values, ansatz.expectations(inputs, weights)[0], atol=1e-10)


def test_stock_aer_with_fqconv():
    ansatz = fqconv(1)
    test = TestAnsatz(ansatz.circuit, [*ansatz.inputs], [*ansatz.weights])
    inputs, weights = test.parameters(groups=1, rows=1)
    qnn = make(
        BroadcastEstimatorQNN,
        circuit=ansatz.circuit,
        estimator=StockAerEstimator(),
        observables=ansatz.observables,
        input_params=ansatz.inputs,
        weight_params=ansatz.weights,
    )
    values = qnn.forward(inputs[0].numpy(), weights[0].numpy())
    np.testing.assert_allclose(values, test.expectations(inputs, weights)[0], atol=1e-10)


def test_unsupported_circuits_are_refused_by_name():
    circuit = circuit_of_both()
    circuit.reset(0)
    with pytest.raises(UserError, match="'reset'"):
        make(BroadcastEstimatorQNN, circuit=circuit)


def test_a_parameter_that_is_neither_input_nor_weight_is_named():
    with pytest.raises(UserError, match=r"w\[2\].*neither an input nor a weight"):
        make(BroadcastEstimatorQNN, weight_params=W[:2])
