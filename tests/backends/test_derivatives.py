"""Values and derivatives of every kind of circuit that the exact engine takes, against the truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from backends import make_backend
from tests.backends import truth
from tests.backends.interaction_graphs import graph_circuits
from tests.backends.random_circuits import TestAnsatz, ansaetze, bending_angles, reading_anything

DRAWN = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
TOLERANCE = {torch.float64: 1e-7, torch.float32: 2e-4}


def laid_out(values: Tensor, layout: str) -> Tensor:
    """The same values, otherwise in memory."""
    if layout == "transposed":
        return values.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "strided":
        return torch.stack([values, values], dim=-1).flatten(-2)[..., ::2]
    if layout == "expanded":
        return values[:1].expand_as(values)
    return values


@st.composite
def questions(draw, circuits):
    """A circuit, how it is asked for, and with what."""
    return {
        "ansatz": draw(circuits),
        "num_circuits": draw(st.sampled_from([None, 1, 2, 3])),
        "batch": draw(st.integers(1, 3)),
        "dtype": draw(st.sampled_from([torch.float64, torch.float64, torch.float32])),
        "layout": draw(st.sampled_from(["plain", "transposed", "strided", "expanded"])),
        "wanted": draw(st.sampled_from(["both", "inputs", "weights"])),
        "seed": draw(st.integers(0, 100)),
    }


def check(ansatz: TestAnsatz, num_circuits, batch, dtype, layout, wanted, seed):
    """A layer's values and gradients against central differences of the truth."""
    rng = np.random.default_rng(seed)
    groups = () if num_circuits is None else (num_circuits,)
    inputs = torch.tensor(rng.uniform(-3, 3, (batch, *groups, len(ansatz.inputs))), dtype=dtype)
    layer = make_backend("statevector").layer(ansatz, num_circuits).to(dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(rng.uniform(-3, 3, layer.weight.shape)))
    inputs = laid_out(inputs, layout)
    inputs.requires_grad_(wanted != "weights")
    layer.requires_grad_(wanted != "inputs")
    values = layer(inputs)
    coefficients = torch.tensor(rng.uniform(-1, 1, values.shape), dtype=dtype)
    if values.requires_grad:
        (values * coefficients).sum().backward()

    count = num_circuits or 1
    rows = inputs.detach().reshape(batch, count, len(ansatz.inputs)).double().numpy()
    weights = layer.weight.detach().reshape(count, len(ansatz.weights)).double().numpy()
    each = coefficients.reshape(batch, count, -1).double().numpy()
    parameters = [*ansatz.inputs, *ansatz.weights]
    found = values.detach().reshape(each.shape).double().numpy()
    in_weights = np.zeros(weights.shape)
    for b in range(batch):
        for g in range(count):
            point = np.concatenate([rows[b, g], weights[g]])

            def value(points, b=b, g=g):
                return truth.expectations(ansatz.circuit, parameters, points, ansatz.observables) @ each[b, g]

            expected = truth.expectations(ansatz.circuit, parameters, point[None], ansatz.observables)
            np.testing.assert_allclose(found[b, g], expected[0], atol=TOLERANCE[dtype])
            slopes = truth.gradient(value, point) if len(point) else point
            if inputs.grad is not None:
                mine = inputs.grad.reshape(rows.shape)[b, g]
                np.testing.assert_allclose(mine, slopes[: len(ansatz.inputs)], atol=TOLERANCE[dtype])
            in_weights[g] += slopes[len(ansatz.inputs) :]
    if layer.weight.grad is not None:
        mine = layer.weight.grad.reshape(weights.shape)
        np.testing.assert_allclose(mine, in_weights, atol=3 * TOLERANCE[dtype])


@settings(DRAWN, max_examples=60)
@given(questions(graph_circuits()))
def test_first_derivatives_of_every_interaction_graph(question):
    check(**question)


@pytest.mark.slow
@settings(DRAWN, max_examples=3000)
@given(questions(graph_circuits()))
def test_first_derivatives_of_thousands_of_interaction_graphs(question):
    check(**question)


@settings(DRAWN, max_examples=40)
@given(questions(reading_anything(graph_circuits(max_qubits=6))))
def test_first_derivatives_of_any_observables(question):
    check(**question)


@settings(DRAWN, max_examples=40)
@given(questions(bending_angles(st.one_of(graph_circuits(5, 2), reading_anything(ansaetze(4, 8))))))
def test_first_derivatives_of_any_expressions(question):
    check(**question)


@pytest.mark.slow
@settings(DRAWN, max_examples=2000)
@given(questions(reading_anything(st.one_of(graph_circuits(), ansaetze()))))
def test_first_derivatives_of_thousands_of_observables(question):
    check(**question)


@settings(DRAWN, max_examples=30)
@given(questions(ansaetze(max_qubits=5)))
def test_first_derivatives_of_every_gate(question):
    check(**question)


def value_at(ansatz: TestAnsatz):
    """The layer as a function of one row of inputs and weights together, and a weighting of its outputs."""
    layer = make_backend("statevector").layer(ansatz).double()
    count = len(ansatz.inputs)
    coefficients = torch.linspace(0.3, 1.0, len(ansatz.observables), dtype=torch.float64)

    def function(point: Tensor) -> Tensor:
        parameters = {"weight": point[count:]}
        return torch.func.functional_call(layer, parameters, (point[None, :count],))[0] @ coefficients

    def exact(points):
        parameters = [*ansatz.inputs, *ansatz.weights]
        values = truth.expectations(ansatz.circuit, parameters, points, ansatz.observables)
        return values @ coefficients.numpy()

    return function, exact


@settings(DRAWN, max_examples=25)
@given(
    st.one_of(
        graph_circuits(5, 2),
        reading_anything(graph_circuits(5, 2)),
        bending_angles(graph_circuits(4, 1)),
    ),
    st.integers(0, 100),
)
def test_second_derivatives(ansatz, seed):
    function, exact = value_at(ansatz)
    rng = np.random.default_rng(seed)
    size = len(ansatz.inputs) + len(ansatz.weights)
    point, u, v = rng.uniform(-1, 1, (3, size))
    if not size:
        return
    expected = truth.curvature(exact, point, u, v)
    at, along, across = (torch.tensor(each) for each in (point, u, v))

    tracked = at.clone().requires_grad_()
    (slope,) = torch.autograd.grad(function(tracked), tracked, create_graph=True)
    curved = torch.zeros_like(at)
    if slope.requires_grad:  # what is read may not depend on any angle
        (curved,) = torch.autograd.grad(slope @ across, tracked)
    assert float(curved @ along) == pytest.approx(expected, abs=1e-6)

    forward_over_reverse = torch.func.jvp(torch.func.grad(function), (at,), (across,))[1]
    assert float(forward_over_reverse @ along) == pytest.approx(expected, abs=1e-6)
