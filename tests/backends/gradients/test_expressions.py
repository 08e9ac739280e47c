from __future__ import annotations

import math

import pytest
import torch
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.circuit.library import efficient_su2, zz_feature_map
from qiskit.quantum_info import SparsePauliOp

from backends import UserError, make_backend
from backends.circuits.emission import angle_circuit
from backends.circuits.expressions import name_angles
from backends.gradients.expressions import torch_expression
from backends.gradients.shifts import grouped_executions
from qvunet.ansatz import hqconv
from tests.backends.random_circuits import TestAnsatz

A, B = Parameter("a"), Parameter("b")
X, W = ParameterVector("x", 3), ParameterVector("w", 2)


@pytest.mark.parametrize(
    "expression",
    [
        (math.pi - A) * (math.pi - B) * 2,
        A.sin() + B.cos() - (A * B).tan(),
        (A / 3).arcsin() * (B / 3).arccos() / A.arctan(),
        A.exp() * (B + 2).log() ** 2,
        (A - B).abs() + A.sign() + A.conjugate(),
        A**-1.5,
        A - A + 0.5 + B * 0 * A,
    ],
    ids=str,
)
def test_values(expression):
    values = {"a": torch.tensor([0.3, 1.1]).double(), "b": torch.tensor([0.7, -0.4]).double()}
    found = torch.as_tensor(torch_expression(expression)(values)).double().expand(2)
    rows = zip(values["a"].tolist(), values["b"].tolist(), strict=True)
    named = {p.name: p for p in expression.parameters}
    for value, (a, b) in zip(found.tolist(), rows, strict=True):
        bound = expression.bind({named[k]: v for k, v in {"a": a, "b": b}.items() if k in named})
        assert value == pytest.approx(float(bound), abs=1e-12)


def test_complex_expressions_are_refused_by_name():
    with pytest.raises(UserError, match=r"parameter expression .*a.*complex"):
        torch_expression(A * 1j)


def test_what_qiskit_does_not_hand_over_is_refused_by_name():
    with pytest.raises(UserError, match=r"parameter expression .*2\*\*b.*exp"):
        torch_expression(2**B + A)


def bent() -> TestAnsatz:
    """Expressions of inputs, of weights, of both, and affine ones, on two independent parts."""
    circuit = QuantumCircuit(3)
    circuit.ry(X[0] * X[1], 0)
    circuit.crx(W[0].sin() * W[1], 0, 1)
    circuit.rzz(X[1] * W[0], 0, 1)
    circuit.rx(X[0] + 2 * W[1], 1)
    circuit.rx(X[2] ** 2, 2)
    return TestAnsatz(circuit, [*X], [*W], [SparsePauliOp("IXX"), SparsePauliOp(["ZIZ", "IYI"], [1, 0.5])])


def test_expressions_of_weights_alone_stay_shared_by_the_rows():
    named = name_angles(bent())
    assert [str(each) for each in named.of_weights] == ["w[1]*sin(w[0])"]
    assert len(named.of_inputs) == 3


def test_affine_circuits_stay_what_they_are():
    ansatz = hqconv(1)
    assert name_angles(ansatz).circuit is ansatz.circuit
    layer = make_backend().layer(ansatz)
    assert type(layer._executor).__name__ == "ExactCircuit"


def run(backend, ansatz, num_circuits, inputs, weight):
    layer = backend.layer(ansatz, num_circuits).double()
    layer.load_state_dict({"weight": weight})
    tracked = inputs.clone().requires_grad_()
    values = layer(tracked)
    (values * torch.linspace(-1, 1, values.numel()).reshape(values.shape)).sum().backward()
    return values.detach(), tracked.grad, layer.weight.grad


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("statevector", {"gradient": "param_shift"}, 1e-9),
        ("aer_statevector", {"gradient": "param_shift"}, 1e-6),
        ("aer_statevector", {"gradient": "surrogate"}, 1e-6),
        ("statevector", {"shots": 200_000, "gradient": "param_shift"}, 0.15),
        ("statevector", {"shots": 1000, "gradient": "spsa", "spsa_directions": 2000, "spsa_step": 0.3}, 0.8),
        ("aer_shots", {"shots": 100_000}, 0.2),
    ],
    ids=str,
)
def test_every_backend_and_gradient(name, options, tolerance):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(2, 2, 3, dtype=torch.double, generator=generator)
    weight = torch.rand(2, 2, dtype=torch.double, generator=generator)
    found = run(make_backend(name, **options), bent(), 2, inputs, weight)
    expected = run(make_backend("statevector"), bent(), 2, inputs, weight)
    for mine, right in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, right, atol=tolerance, rtol=0)


def test_transforms():
    layer = make_backend("statevector").layer(bent()).double()
    inputs = torch.rand(3, 3, dtype=torch.double)
    one = lambda row: layer(row[None])[0]  # noqa: E731
    backward = torch.func.vmap(torch.func.jacrev(one))(inputs)
    forward = torch.func.vmap(torch.func.jacfwd(one))(inputs)
    torch.testing.assert_close(forward, backward, atol=1e-10, rtol=0)
    torch.autograd.gradcheck(layer, inputs.requires_grad_())
    torch.autograd.gradgradcheck(layer, inputs)


def test_what_a_device_is_asked_for_is_known():
    features, ansatz = zz_feature_map(3, reps=1), efficient_su2(3, reps=1)
    whole = TestAnsatz(features.compose(ansatz), [*features.parameters], [*ansatz.parameters])
    assert not angle_circuit(whole).parameters & {*whole.inputs, *whole.weights}
    assert grouped_executions(whole) > 0
    cost = make_backend("ibm_runtime", backend_name="fake_manila").cost
    from backends.ibm.backend import Pass

    assert cost([Pass(whole, 4, True)], "param_shift").executions > 0
