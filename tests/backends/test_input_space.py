"""All that the exact engine takes, combined: circuits, observables, angles, methods, batches, transforms.

`test_derivatives` looks at one of these at a time. What is true comes from Qiskit's `Statevector`, and for
derivatives from differences of it along random directions.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit.quantum_info import Statevector

from backends import make_backend
from backends.exact.dense import DenseState
from tests.backends import truth
from tests.backends.exact.forced import only
from tests.backends.interaction_graphs import graph_circuits
from tests.backends.random_circuits import (
    ansaetze,
    bending_angles,
    many_qubit_circuits,
    reading_anything,
)

DRAWN = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-4}


def backward(function, point, create_graph=False):
    """The gradient by autograd."""
    tracked = point.clone().requires_grad_()
    value = function(tracked) + 0 * tracked.sum()  # what is read may not depend on any angle
    return tracked, torch.autograd.grad(value, tracked, create_graph=create_graph)[0]


def backward_twice(function, point, along):
    """The Hessian times a vector by autograd."""
    tracked, slope = backward(function, point, create_graph=True)
    return torch.autograd.grad(slope @ along + 0 * tracked.sum(), tracked)[0]


FIRST = {
    "backward": lambda function, point: backward(function, point)[1],
    "grad": lambda function, point: torch.func.grad(function)(point),
    "jacrev": lambda function, point: torch.func.jacrev(function)(point),
    "jacfwd": lambda function, point: torch.func.jacfwd(function)(point),
    "vmap": lambda function, point: torch.func.vmap(torch.func.grad(function))(point[None])[0],
}
SECOND = {
    "backward": backward_twice,
    "hessian": lambda function, point, along: torch.func.hessian(function)(point) @ along,
    "jvp": lambda function, point, along: torch.func.jvp(torch.func.grad(function), (point,), (along,))[1],
}


def everything(max_qubits=4):
    """Circuits of every kind, with angles and observables of every kind."""
    circuits = st.one_of(
        ansaetze(max_qubits, 8), graph_circuits(max_qubits, 2), many_qubit_circuits(max_qubits, 4)
    )
    bent = bending_angles(circuits)
    return st.one_of(circuits, bent, reading_anything(circuits), reading_anything(bent))


def wide():
    """Circuits of 6 to 12 qubits of every kind, as they come and reading any observables."""
    circuits = st.one_of(ansaetze(12, 30, min_qubits=6), graph_circuits(12, 2, min_qubits=6))
    return st.one_of(circuits, reading_anything(circuits))


class Question:
    """A weighted sum of all of a layer's outputs as a function of its inputs and weights in one vector."""

    def __init__(self, ansatz, method, num_circuits, batch, dtype, seed):
        rng = np.random.default_rng(seed)
        self.ansatz, self.count = ansatz, num_circuits or 1
        groups = () if num_circuits is None else (num_circuits,)
        self.inputs_shape = (batch, *groups, len(ansatz.inputs))
        with only(method):
            self.layer = make_backend("statevector").layer(ansatz, num_circuits).to(dtype)
        self.split = int(np.prod(self.inputs_shape))
        size = self.split + self.layer.weight.numel()
        # Bent angles are smooth for small parameters.
        self.point, self.along, self.across = rng.uniform(-1, 1, (3, size))
        self.coefficients = rng.uniform(-1, 1, (batch, self.count, len(ansatz.observables)))

    def layers(self, point):
        """The outputs (batch, count, observables) of the layer."""
        parameters = {"weight": point[self.split :].reshape(self.layer.weight.shape)}
        inputs = point[: self.split].reshape(self.inputs_shape)
        values = torch.func.functional_call(self.layer, parameters, (inputs,))
        return values.reshape(self.coefficients.shape)

    def function(self, point):
        """A number of the layer's, in torch."""
        values = self.layers(point)
        return (values * torch.tensor(self.coefficients, dtype=values.dtype)).sum()

    def true_outputs(self, point):
        """What `Statevector` gives in place of the layer's outputs."""
        inputs = point[: self.split].reshape(*self.coefficients.shape[:2], len(self.ansatz.inputs))
        weights = point[self.split :].reshape(self.count, len(self.ansatz.weights))
        states = [
            [Statevector(self.ansatz.bind(x, w)) for x, w in zip(row, weights, strict=True)] for row in inputs
        ]
        return np.array(
            [
                [[state.expectation_value(o).real for o in self.ansatz.observables] for state in row]
                for row in states
            ]
        )

    def truth(self, points):
        """(R, size) -> (R,), as `tests.backends.truth` differentiates it."""
        return np.array([(self.true_outputs(point) * self.coefficients).sum() for point in points])


@st.composite
def questions(draw, circuits, dtypes=(torch.float64,)):
    """A circuit and how it is asked for."""
    return Question(
        ansatz=draw(circuits),
        method=draw(st.sampled_from([None, DenseState])),
        num_circuits=draw(st.sampled_from([None, 1, 2, 3])),
        batch=draw(st.integers(1, 3)),
        dtype=draw(st.sampled_from(dtypes)),
        seed=draw(st.integers(0, 100)),
    )


def check_values(question):
    dtype = question.layer.weight.dtype
    with torch.no_grad():
        found = question.layers(torch.tensor(question.point, dtype=dtype))
    expected = question.true_outputs(question.point)
    np.testing.assert_allclose(found.double().numpy(), expected, atol=TOLERANCE[dtype])


def check_first(question, transform):
    if not len(question.point):
        return  # nothing to differentiate by, and torch's jacfwd stumbles over no column at all
    dtype = question.layer.weight.dtype
    gradient = FIRST[transform](question.function, torch.tensor(question.point, dtype=dtype))
    along = question.along
    (expected,) = truth.gradient(lambda t: question.truth(question.point + t * along), np.zeros(1), 1e-3)
    found = float(gradient.double() @ torch.tensor(along))
    scale = 1 if dtype == torch.float64 else np.sqrt(len(along) + 1)
    assert found == pytest.approx(expected, abs=max(1e-7, scale * TOLERANCE[dtype]))


def check_second(question, transform):
    point, along = torch.tensor(question.point), torch.tensor(question.along)
    found = SECOND[transform](question.function, point, along)
    expected = truth.curvature(question.truth, question.point, question.along, question.across)
    assert float(found @ torch.tensor(question.across)) == pytest.approx(expected, abs=1e-5)


@settings(DRAWN, max_examples=15)
@given(questions(everything(), (torch.float64, torch.float32)))
def test_values(question):
    check_values(question)


@settings(DRAWN, max_examples=12)
@given(questions(everything(3), (torch.float64, torch.float32)), st.sampled_from(sorted(FIRST)))
def test_first_derivatives(question, transform):
    for each in {"backward", transform}:  # only the former takes the engine's own gradient
        check_first(question, each)


@settings(DRAWN, max_examples=3)
@given(questions(wide(), (torch.float64, torch.float32)))
def test_wide_circuits(question):
    """States of up to 12 qubits, whose gates need more than one block and more than one order of qubits."""
    check_values(question)
    check_first(question, "backward")


@settings(DRAWN, max_examples=8)
@given(questions(everything(3)), st.sampled_from(sorted(SECOND)))
def test_second_derivatives(question, transform):
    check_second(question, transform)


@pytest.mark.slow
@settings(DRAWN, max_examples=150)
@given(questions(wide()), st.sampled_from(sorted(SECOND)))
def test_many_wide_circuits(question, second):
    check_values(question)
    check_first(question, "backward")
    check_second(question, second)


@pytest.mark.slow
@settings(DRAWN, max_examples=1500)
@given(questions(everything(6)), st.sampled_from(sorted(FIRST)), st.sampled_from(sorted(SECOND)))
def test_thousands(question, first, second):
    check_values(question)
    check_first(question, first)
    check_second(question, second)
