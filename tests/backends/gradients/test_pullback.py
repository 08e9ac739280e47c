from contextlib import contextmanager, nullcontext

import pytest
import torch

from backends.gradients.pullback import differentiable, traced


def multiply(inputs, weights):
    return inputs * weights, lambda gradient: (gradient * weights, gradient * inputs)


def test_becomes_one_step_of_the_graph():
    inputs, weights = torch.rand(3, requires_grad=True), torch.rand(3, requires_grad=True)
    value = differentiable(multiply, nullcontext, inputs, weights)
    value.square().sum().backward(retain_graph=True)
    torch.testing.assert_close(inputs.grad, 2 * value * weights)
    torch.testing.assert_close(weights.grad, 2 * value * inputs)
    value.sum().backward()  # a graph that is kept can be used again
    torch.testing.assert_close(inputs.grad, 2 * value * weights + weights)


def test_both_passes_run_in_the_context():
    entered = []

    @contextmanager
    def context():
        entered.append(True)
        yield

    inputs = torch.rand(3, requires_grad=True)
    value = differentiable(multiply, context, inputs, torch.rand(3))
    assert len(entered) == 1
    value.sum().backward()
    assert len(entered) == 2


def test_cannot_be_differentiated_twice():
    inputs = torch.rand(3, requires_grad=True)
    value = differentiable(multiply, nullcontext, inputs, torch.rand(3, requires_grad=True))
    (gradient,) = torch.autograd.grad(value.square().sum(), inputs, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_traced_finds_what_autograd_finds():
    inputs, weights = torch.rand(3), torch.rand(3)
    with torch.no_grad():
        value, pullback = traced(lambda x, w: x.sin() * w, inputs, weights)
    assert not value.requires_grad
    in_inputs, in_weights = pullback(torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(in_inputs, torch.tensor([1.0, 2.0, 3.0]) * inputs.cos() * weights)
    torch.testing.assert_close(in_weights, torch.tensor([1.0, 2.0, 3.0]) * inputs.sin())


def test_traced_gives_zeros_for_what_is_not_read():
    _, pullback = traced(lambda x, w: x, torch.rand(3), torch.rand(2))
    torch.testing.assert_close(pullback(torch.ones(3))[1], torch.zeros(2))
