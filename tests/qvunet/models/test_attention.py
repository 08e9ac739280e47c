from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from qvunet.models.attention import ChannelNorm, CosineAttention, LinearAttention, MultiheadAttention

X = torch.randn(3, 8, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def heads(weight, x, number):
    """(B, C, H, W) -> queries, keys, values, each (B, number, d, N)."""
    return (weight @ x.flatten(2)).unflatten(1, (3, number, -1)).unbind(1)


def test_channel_norm_is_layer_norm_over_channels():
    norm = ChannelNorm(8).double()
    nn.init.uniform_(norm.weight)
    expected = F.layer_norm(X.movedim(1, -1), (8,), norm.weight).movedim(-1, 1)
    torch.testing.assert_close(norm(X), expected)


def test_linear_attention_matches_the_form_with_values_and_heads():
    module = LinearAttention(8, heads=2, head_dim=3).double()
    q, k, v = heads(module.qkv.weight, module.norm(X), 2)
    context = k.softmax(dim=-1) @ v.mT  # (B, heads, d, d)
    y = (context.mT @ q.softmax(dim=2)).flatten(1, 2)
    y = module.out.weight @ y + module.out.bias[:, None]
    torch.testing.assert_close(module(X), X + module.out_norm(y.view_as(X)))


def test_cosine_attention_matches_explicit_weights():
    module = CosineAttention(8, heads=2, head_dim=3).double()
    q, k, v = heads(module.qkv.weight, module.norm(X), 2)
    weights = (10 * F.normalize(q, dim=2).mT @ F.normalize(k, dim=2)).softmax(dim=-1)
    y = (v @ weights.mT).flatten(1, 2)
    y = module.out.weight @ y + module.out.bias[:, None]
    torch.testing.assert_close(module(X), X + y.view_as(X))


@pytest.mark.parametrize("channels", [8, 64, 80], ids=["padded", "of_16", "of_20"])
def test_multihead_attention_is_torchs(channels):
    x = torch.randn(3, channels, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    module = MultiheadAttention(channels, groups=2, heads=4).double()
    nn.init.normal_(module.qkv.bias)
    theirs = nn.MultiheadAttention(channels, 4, batch_first=True).double()
    theirs.in_proj_weight, theirs.in_proj_bias = module.qkv.weight, module.qkv.bias
    theirs.out_proj.weight, theirs.out_proj.bias = module.out.weight, module.out.bias
    tokens = module.norm(x).flatten(2).mT
    expected = x + theirs(tokens, tokens, tokens)[0].mT.reshape(x.shape)
    torch.testing.assert_close(module(x), expected)
    parameters = list(module.parameters())
    gradients = [torch.autograd.grad(y.square().sum(), parameters) for y in (module(x), expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("module", [LinearAttention(8), CosineAttention(8), MultiheadAttention(8, 2)])
def test_attention_trains_under_autocast(module):
    x = X.float()
    with torch.autocast("cpu", torch.bfloat16):
        y = module(x)
    torch.testing.assert_close(y.float(), module(x), rtol=0.05, atol=0.05)
    gradients = torch.autograd.grad(y.float().square().sum(), list(module.parameters()))
    assert all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("module", [LinearAttention(8), CosineAttention(8), MultiheadAttention(8, 2)])
def test_attention_stays_finite_for_huge_inputs(module):
    assert module(1e4 * X.float()).isfinite().all()
