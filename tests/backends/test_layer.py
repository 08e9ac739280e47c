import copy
import dataclasses
import math
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit
from torch import nn

from backends import Backend, CircuitLayer, UserError, make_backend
from backends.layer import start_step
from backends.options import StatevectorOptions
from qvunet.ansatz import basic_entangler, fqconv, hqconv
from tests.backends.random_circuits import TestAnsatz

NAMES = ["statevector", "aer_statevector"]
ANGLES = 3


@pytest.fixture(params=NAMES)
def backend(request):
    return make_backend(request.param)


def ansatz():
    return basic_entangler(num_qubits=ANGLES, num_layers=2)


def layer_of(backend, num_circuits=None, seed=0):
    torch.manual_seed(seed)
    return backend.layer(ansatz(), num_circuits=num_circuits)


def test_shapes(backend):
    single, several = layer_of(backend), layer_of(backend, num_circuits=4)
    assert isinstance(single, CircuitLayer)
    assert single.weight.shape == (6,)
    assert several.weight.shape == (4, 6)
    assert single(torch.rand(5, ANGLES)).shape == (5, ANGLES)
    assert several(torch.rand(5, 4, ANGLES)).shape == (5, 4, ANGLES)
    assert layer_of(backend, num_circuits=1)(torch.rand(5, 1, ANGLES)).shape == (5, 1, ANGLES)


@pytest.mark.parametrize("shape", [(ANGLES,), (5, ANGLES + 1), (5, 1, ANGLES), (2, 5, 1, ANGLES)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="inputs have shape"):
        layer_of(make_backend())(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(5, ANGLES), (5, 3, ANGLES), (4, 5, ANGLES), (5, 4, ANGLES + 1)])
def test_other_shapes_are_refused_by_several_circuits(shape):
    with pytest.raises(ValueError, match="inputs have shape"):
        layer_of(make_backend(), num_circuits=4)(torch.zeros(shape))


def test_each_circuit_uses_its_own_weights_and_inputs(backend):
    """Circuit g of a layer is the single circuit with weights g on inputs [:, g]."""
    several, single = layer_of(backend, num_circuits=3), layer_of(backend)
    inputs = torch.rand(3, 3, ANGLES) * 6  # as many rows as circuits, so that mixing them up has a shape
    values = several(inputs)
    for g in range(3):
        single.load_state_dict({"weight": several.weight[g].detach()})
        torch.testing.assert_close(values[:, g], single(inputs[:, g]), atol=1e-6, rtol=0)


def test_permuting_the_batch_permutes_the_outputs(backend):
    layer = layer_of(backend, num_circuits=2)
    inputs, order = torch.rand(5, 2, ANGLES) * 6, torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(layer(inputs[order]), layer(inputs)[order], atol=1e-6, rtol=0)


def test_an_output_depends_on_its_own_row_and_circuit_only(backend):
    layer = layer_of(backend, num_circuits=2)
    inputs = torch.rand(3, 2, ANGLES, requires_grad=True)
    layer(inputs)[1, 0].sum().backward()
    touched = inputs.grad.abs().sum(-1) > 1e-6
    assert touched.tolist() == [[False, False], [True, False], [False, False]]
    assert layer.weight.grad[0].abs().max() > 1e-6
    assert layer.weight.grad[1].abs().max() == 0


@pytest.mark.parametrize("ansatz", [hqconv(1), hqconv(2), fqconv(1), fqconv(2), basic_entangler(4, 4)])
def test_every_weight_of_the_ansaetze_gets_a_gradient(ansatz):
    torch.manual_seed(0)
    layer = make_backend().layer(ansatz, num_circuits=2)
    inputs = torch.rand(4, 2, ansatz.num_qubits) * 6
    (layer(inputs) * torch.linspace(0.5, 2, ansatz.num_qubits)).sum().backward()
    assert torch.all(layer.weight.grad.abs() > 1e-7)


def test_every_weight_and_input_gets_a_gradient(backend):
    layer = layer_of(backend, num_circuits=2)
    inputs = (torch.rand(4, 2, ANGLES) * 6).requires_grad_()
    (layer(inputs) * torch.linspace(0.5, 2, ANGLES)).sum().backward()
    assert torch.all(layer.weight.grad.abs() > 1e-7)
    assert torch.all(inputs.grad.abs() > 1e-7)


def test_weights_are_drawn_uniformly_from_torchs_generator():
    one, same, other = (layer_of(make_backend(), num_circuits=200, seed=seed).weight for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.min() >= 0
    assert one.max() < 2 * math.pi
    counts = torch.histc(one.detach(), bins=4, min=0, max=2 * math.pi)
    assert counts.min() > 0.8 * one.numel() / 4


def test_weights_do_not_depend_on_the_backend():
    one, other = (layer_of(make_backend(name)).weight for name in NAMES)
    assert torch.equal(one, other)


@pytest.mark.parametrize("num_circuits", [None, 2])
def test_the_state_is_the_weight_alone_and_loads_in_every_backend(num_circuits):
    layers = [layer_of(make_backend(name), num_circuits, seed) for seed, name in enumerate(NAMES)]
    assert [list(layer.state_dict()) for layer in layers] == [["weight"], ["weight"]]
    assert all(len(list(layer.parameters())) == 1 for layer in layers)
    layers[1].load_state_dict(layers[0].state_dict())
    shape = (2, ANGLES) if num_circuits is None else (2, num_circuits, ANGLES)
    inputs = torch.rand(shape)
    torch.testing.assert_close(layers[0](inputs), layers[1](inputs), atol=1e-5, rtol=0)


def test_set_backend_keeps_weights_and_values():
    layer = layer_of(make_backend("statevector"), num_circuits=2)
    weight, before = layer.weight, layer.weight.detach().clone()
    inputs = torch.rand(3, 2, ANGLES)
    values = layer(inputs)
    for name in ("aer_statevector", "statevector"):
        layer.set_backend(make_backend(name))
        assert layer.weight is weight
        assert torch.equal(weight, before)
        assert layer.backend.name == name
        torch.testing.assert_close(layer(inputs), values, atol=1e-6, rtol=0)


class _Broken(Backend):
    name = "broken"

    def compile(self, ansatz):
        raise RuntimeError("no such device")


def test_a_backend_that_fails_changes_nothing():
    layer = layer_of(make_backend("statevector"))
    with pytest.raises(RuntimeError, match="no such device"):
        layer.set_backend(_Broken(StatevectorOptions()))
    assert layer.backend.name == "statevector"


def test_double_precision(backend):
    layer = layer_of(backend).double()
    values = layer(torch.rand(2, ANGLES))  # the layer's precision counts, not the inputs'
    assert values.dtype == torch.float64
    values.sum().backward()
    assert layer.weight.grad.dtype == torch.float64


def test_double_precision_is_precise():
    layer = layer_of(make_backend()).double()
    inputs = torch.rand(2, ANGLES).double().requires_grad_()
    assert torch.autograd.gradcheck(layer, (inputs,))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64])
def test_inputs_of_other_types_are_taken_in_the_layers_precision(backend, dtype):
    layer = layer_of(backend)
    inputs = torch.tensor([[1, 2, 0], [3, 1, 2]])
    values = layer(inputs.to(dtype))
    assert values.dtype == torch.float32
    torch.testing.assert_close(values, layer(inputs.float()))


def test_autocast_keeps_single_precision(backend):
    layer = layer_of(backend)
    before = nn.Linear(ANGLES, ANGLES)
    data = torch.rand(4, ANGLES)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        angles = before(data)
        values = layer(angles)
    assert angles.dtype == torch.bfloat16
    assert values.dtype == torch.float32
    assert torch.equal(values, layer(angles.float()))
    values.square().sum().backward()
    for parameter in (layer.weight, before.weight):
        assert parameter.grad.dtype == torch.float32
        assert parameter.grad.abs().max() > 1e-4


@pytest.mark.parametrize(
    "backend",
    [
        make_backend(),
        make_backend("statevector", shots=200, seed=0),
        make_backend("statevector", gradient="spsa", seed=0),
        make_backend("aer_statevector"),
    ],
    ids=["exact", "sampled", "spsa", "aer"],
)
def test_a_backward_pass_under_autocast_keeps_single_precision(backend):
    layer, inputs = layer_of(backend), torch.rand(4, ANGLES)

    def gradients(autocast):
        x, layer.weight.grad = inputs.clone().requires_grad_(), None
        start_step(layer, 1)  # the same shots in both
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            layer(x).square().sum().backward()
        return x.grad, layer.weight.grad

    torch.testing.assert_close(gradients(True), gradients(False), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_layer_cast_to_half_precision_computes_in_single(dtype):
    """Which is what ``pipeline.to(torch.float16)`` does to every parameter."""
    layer = layer_of(make_backend()).to(dtype)
    single = layer_of(make_backend())
    single.load_state_dict(layer.state_dict())
    inputs = torch.rand(2, ANGLES)
    values = layer(inputs)
    assert values.dtype == dtype
    assert torch.equal(values, single(inputs).to(dtype))
    values.sum().backward()
    assert layer.weight.grad.abs().max() > 1e-2


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_circuit_without_weights(backend):
    inputs = ParameterVector("x", 2)
    circuit = QuantumCircuit(2)
    for qubit, angle in enumerate(inputs):
        circuit.rx(angle, qubit)
    encoding = TestAnsatz(circuit, [*inputs], [])
    for num_circuits in (None, 2):
        values = torch.rand(3, 2) if num_circuits is None else torch.rand(3, num_circuits, 2)
        layer = backend.layer(encoding, num_circuits)
        assert layer.weight.numel() == 0
        torch.testing.assert_close(layer(values), values.cos(), atol=1e-6, rtol=0)


def test_a_batch_of_one(backend):
    layer = layer_of(backend, num_circuits=2)
    inputs = torch.rand(3, 2, ANGLES)
    torch.testing.assert_close(layer(inputs[:1]), layer(inputs)[:1], atol=1e-6, rtol=0)


@pytest.mark.parametrize("num_circuits", [None, 2])
def test_an_empty_batch(backend, num_circuits):  # which Aer itself would answer by dying
    layer = layer_of(backend, num_circuits)
    inputs = torch.zeros((0, ANGLES) if num_circuits is None else (0, num_circuits, ANGLES))
    values = layer(inputs)
    assert values.shape == inputs.shape
    values.sum().backward()
    assert torch.all(layer.weight.grad == 0)


def test_inputs_need_not_be_contiguous(backend):
    layer = layer_of(backend, num_circuits=2)
    inputs = torch.rand(ANGLES, 2, 4)
    torch.testing.assert_close(layer(inputs.permute(2, 1, 0)), layer(inputs.permute(2, 1, 0).contiguous()))


def test_a_copy_is_equal_and_independent(backend):
    layer = layer_of(backend, num_circuits=2)
    inputs = torch.rand(3, 2, ANGLES)
    values = layer(inputs)
    twin = copy.deepcopy(layer)
    assert torch.equal(twin(inputs), values)
    with torch.no_grad():
        twin.weight.add_(1.0)
    assert torch.equal(layer(inputs), values)
    assert not torch.allclose(twin(inputs), values, atol=1e-3)
    twin(inputs).sum().backward()
    assert layer.weight.grad is None


@pytest.mark.parametrize(
    "options",
    [
        {"name": "statevector"},
        {"name": "statevector", "shots": 100, "seed": 3},
        {"name": "statevector", "shots": 100, "gradient": "spsa"},
        {"name": "aer_statevector"},
        {"name": "aer_shots", "shots": 100, "seed": 3},
        {"name": "aer_shots", "shots": 100, "noise_model": "fake_manila"},
        {"name": "ibm_runtime", "backend_name": "fake_manila"},
    ],
    ids=str,
)
def test_a_pickle_is_the_same_layer(options):
    layer, inputs = layer_of(make_backend(**options), num_circuits=2), torch.rand(2, 2, ANGLES)
    again = pickle.loads(pickle.dumps(layer))
    assert again.backend.options == layer.backend.options
    assert torch.equal(again.weight, layer.weight)
    start_step(layer, 5)
    start_step(again, 5)
    assert torch.equal(again(inputs), layer(inputs))


def _values(layer, inputs):
    return layer(inputs).detach().numpy()


def test_layers_go_to_a_spawned_process():
    layers, inputs = [layer_of(make_backend(name)) for name in NAMES], torch.rand(2, ANGLES)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        for layer, values in zip(layers, pool.map(_values, layers, [inputs] * 2), strict=True):
            torch.testing.assert_close(torch.from_numpy(values), layer(inputs))


def test_copies_share_their_backend_and_go_on_alone(backend):
    net = nn.ModuleList([layer_of(backend), layer_of(backend)])
    twin = copy.deepcopy(net)
    assert {layer.backend for layer in [*net, *twin]} == {backend}
    twin[0].set_backend(make_backend("statevector", shots=10))
    assert net[0].backend is backend


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_angles_are_refused(backend, dtype):
    layer = layer_of(backend)
    with pytest.raises(ValueError, match=rf"{dtype}.*real"):
        layer(torch.rand(2, ANGLES, dtype=dtype))


def test_measurements_at_the_end_change_nothing(backend):
    plain = ansatz()
    measured = plain.circuit.copy()
    measured.measure_all()
    layer, same = layer_of(backend), backend.layer(dataclasses.replace(plain, circuit=measured))
    same.load_state_dict(layer.state_dict())
    inputs = torch.rand(2, ANGLES, requires_grad=True)
    for one in (layer, same):
        one(inputs).sum().backward()
    torch.testing.assert_close(same(inputs), layer(inputs))
    torch.testing.assert_close(same.weight.grad, layer.weight.grad)


def test_exported_it_computes_the_same():
    layer, inputs = layer_of(make_backend()), torch.rand(2, ANGLES)
    exported = torch.export.export(layer, (inputs,)).module()  # before anything was computed
    torch.testing.assert_close(exported(inputs + 1), layer(inputs + 1))


@pytest.mark.slow
def test_compiled_it_computes_and_trains_the_same(backend):
    layer, inputs = layer_of(backend), torch.rand(2, ANGLES)
    torch.compile(layer)(inputs).sum().backward()
    gradient, layer.weight.grad = layer.weight.grad, None
    layer(inputs).sum().backward()
    torch.testing.assert_close(gradient, layer.weight.grad)


@pytest.mark.parametrize(
    "options",
    [
        {"name": "aer_statevector"},
        {"name": "statevector", "shots": 10},
        {"name": "aer_shots", "gradient": "surrogate"},
    ],
    ids=str,
)
def test_second_derivatives_of_what_is_measured_are_refused(options):
    layer = layer_of(make_backend(**options))
    inputs = torch.rand(2, ANGLES, requires_grad=True)
    (slope,) = torch.autograd.grad(layer(inputs).sum(), inputs, create_graph=True)
    with pytest.raises(UserError, match=r"second derivative.*measured.*statevector"):
        slope.square().sum().backward()


def test_too_many_entangled_qubits_are_refused_at_once():
    inputs, weights = ParameterVector("x", 60), ParameterVector("w", 60)
    circuit = QuantumCircuit(60)
    for k in range(60):
        circuit.rx(inputs[k], k)
        for step in (1, 7, 13):
            circuit.crx(weights[k], k, (k + step) % 60)
    with pytest.raises(UserError, match=r"60 qubits.*GiB.*this machine has \d+ GiB"):
        make_backend().layer(TestAnsatz(circuit, [*inputs], [*weights]))


def test_a_line_of_fifty_qubits_is_simulated():
    inputs, weights = ParameterVector("x", 50), ParameterVector("w", 49)
    circuit = QuantumCircuit(50)
    for k in range(50):
        circuit.rx(inputs[k], k)
    for k in range(49):
        circuit.crx(weights[k], k, k + 1)
    layer = make_backend().layer(TestAnsatz(circuit, [*inputs], [*weights])).double()
    values = layer(
        torch.full((1, 50), math.pi, dtype=torch.double)
    )  # a line of ones: each flips by its weight
    expected = [-1.0]
    for w in layer.weight.tolist():
        expected.append(-(1 + expected[-1]) / 2 - (1 - expected[-1]) / 2 * math.cos(w))
    torch.testing.assert_close(values[0], torch.tensor(expected, dtype=torch.double))


def test_inference_first_and_training_after(backend):
    layer, fresh = layer_of(backend), layer_of(backend)
    inputs = torch.rand(3, ANGLES)
    with torch.inference_mode():
        values = layer(inputs)
    assert not values.requires_grad
    for one in (layer, fresh):
        one(inputs).square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, fresh.weight.grad)


def test_a_frozen_weight_still_passes_gradients_on(backend):
    layer = layer_of(backend).requires_grad_(False)
    inputs = torch.rand(3, ANGLES, requires_grad=True)
    layer(inputs).sum().backward()
    assert layer.weight.grad is None
    assert inputs.grad.abs().max() > 1e-4


def test_training_moves_the_weights_towards_a_target(backend):
    layer = layer_of(backend)
    inputs = torch.rand(4, ANGLES)
    target = layer_of(backend, seed=5)(inputs).detach()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = (layer(inputs) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_print_names_circuit_and_backend():
    text = repr(layer_of(make_backend("statevector"), num_circuits=2))
    assert all(word in text for word in ("basic_entangler", "2", "statevector"))


@pytest.mark.parametrize("num_circuits", [0, -1])
def test_fewer_circuits_than_one_are_refused(num_circuits):
    with pytest.raises(UserError, match=f"num_circuits = {num_circuits}.*at least 1"):
        layer_of(make_backend(), num_circuits)
