from __future__ import annotations

import torch
from torch import nn

from qvunet.models.recompute import recompute

X = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def kept_values(function, x):
    """Numbers of values that the graph of ``function(x)`` keeps, one for each tensor."""
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        function(x)
    return kept


def test_gradients_reach_the_input_and_the_parameters():
    norm = nn.GroupNorm(2, 4).double()

    def gradients(function):
        x = X.clone().requires_grad_()
        norm.zero_grad()
        function(x).square().sum().backward()
        return [x.grad, norm.weight.grad, norm.bias.grad]

    plain = gradients(lambda x: norm(x).exp())
    assert all(gradient.abs().max() > 0 for gradient in plain)
    torch.testing.assert_close(gradients(lambda x: recompute(lambda h: norm(h).exp(), x)), plain)


def test_only_the_input_is_kept():
    x = X.clone().requires_grad_()

    def function(h):
        return h.exp().square().sin()

    assert len(kept_values(function, x)) == 3
    assert kept_values(lambda x: recompute(function, x), x) == [X.numel()]


def test_it_runs_without_autograd():
    with torch.no_grad():
        assert torch.equal(recompute(torch.exp, X), X.exp())
