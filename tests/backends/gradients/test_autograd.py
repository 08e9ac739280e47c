from contextlib import contextmanager

import pytest
import torch

from backends.errors import UserError
from backends.gradients.autograd import CircuitFunction, traced


def multiply(inputs, weights):
    """(G, B, n) and (G, n) -> (G, B, n)."""
    return inputs.sin() * weights.unsqueeze(1)


def by_hand(inputs, weights):
    def pullback(gradient):
        return (
            gradient * inputs.cos() * weights.unsqueeze(1),
            (gradient * inputs.sin()).sum(1),
        )

    return multiply(inputs, weights), pullback


FUNCTION = CircuitFunction(by_hand, multiply)
MEASURED = CircuitFunction(by_hand)


def arguments(**options):
    generator = torch.Generator().manual_seed(0)
    return tuple(
        torch.rand(*shape, dtype=torch.float64, generator=generator).requires_grad_(**options)
        for shape in ((2, 3, 4), (2, 4))
    )


def test_becomes_one_step_of_the_graph():
    inputs, weights = arguments()
    value = FUNCTION(inputs, weights)
    value.square().sum().backward(retain_graph=True)
    torch.testing.assert_close(inputs.grad, 2 * value * inputs.cos() * weights.unsqueeze(1))
    torch.testing.assert_close(weights.grad, (2 * value * inputs.sin()).sum(1))
    before = weights.grad.clone()
    value.sum().backward()  # a graph that is kept can be used again
    torch.testing.assert_close(weights.grad, before + inputs.sin().sum(1))


def test_both_passes_run_in_the_context():
    entered = []

    @contextmanager
    def context():
        entered.append(True)
        yield

    value = CircuitFunction(by_hand, multiply, context)(*arguments())
    assert len(entered) == 1
    value.sum().backward()
    assert len(entered) == 2


def test_every_derivative_that_torch_can_check():
    assert torch.autograd.gradcheck(FUNCTION, arguments(), check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(FUNCTION, arguments())


@pytest.mark.parametrize("transform", [torch.func.jacrev, torch.func.jacfwd, torch.func.hessian])
@pytest.mark.parametrize("argument", [0, 1])
def test_transforms(transform, argument):
    inputs, weights = arguments(requires_grad=False)
    for again in (transform, lambda f, argnums: torch.func.jacrev(transform(f, argnums), argnums)):
        found = again(FUNCTION, argument)(inputs, weights)
        torch.testing.assert_close(found, again(multiply, argument)(inputs, weights))


@pytest.mark.parametrize("dims", [(0, None), (None, 0), (0, 0), (2, 1), (-1, None)])
def test_vmap(dims):
    inputs, weights = arguments(requires_grad=False)
    batch = [
        torch.stack([each, each + 1, each * 2], dim=dim) if dim is not None else each
        for each, dim in zip((inputs, weights), dims, strict=True)
    ]
    for function in (lambda f: f, lambda f: torch.func.grad(lambda x, w: f(x, w).square().sum(), (0, 1))):
        found = torch.func.vmap(function(FUNCTION), dims)(*batch)
        torch.testing.assert_close(found, torch.func.vmap(function(multiply), dims)(*batch))


@pytest.mark.parametrize(
    "take",
    [
        lambda f, x, w: torch.func.jacrev(f)(x, w),
        lambda f, x, w: torch.func.vmap(torch.func.jacrev(lambda row: f(row[None, None], w[:1])))(x[0]),
    ],
    ids=["jacrev", "per sample"],
)
def test_what_is_measured_has_first_derivatives_under_transforms_too(take):
    inputs, weights = arguments(requires_grad=False)
    torch.testing.assert_close(take(MEASURED, inputs, weights), take(multiply, inputs, weights))


@pytest.mark.parametrize(
    "take",
    [
        lambda f, x, w: torch.autograd.grad(
            torch.autograd.grad(f(x, w).square().sum(), x, create_graph=True)[0].sum(), w
        ),
        lambda f, x, w: torch.func.hessian(f)(x.detach(), w.detach()),
        lambda f, x, w: torch.func.jvp(f, (x, w), (x, w)),
        lambda f, x, w: torch.func.jacfwd(f)(x.detach(), w.detach()),
    ],
    ids=["create_graph", "hessian", "jvp", "jacfwd"],
)
def test_other_derivatives_of_what_is_measured_are_refused(take):
    take(FUNCTION, *arguments())
    with pytest.raises(UserError, match=r"measured.*statevector"):
        take(MEASURED, *arguments())


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
