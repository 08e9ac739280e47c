"""Self-attention over the pixels of a feature map, each with its pre-norm and residual.

`LinearAttention` and `CosineAttention` are those of De Falco et al. (KI 38, 2024), `MultiheadAttention`
that of Capece's network. Full attention goes through `scaled_dot_product_attention`, so that the
(pixels x pixels) weights never exist in memory.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qvunet.models.linear_attention import mix_queries, sum_over_keys

MIN_HEAD_DIM = 16
"""Narrower heads are computed with zeros up to this width."""


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of a (B, C, H, W) map, with a scale and no bias."""

    def __init__(self, channels: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W), zero mean and unit variance at each pixel, times `weight`."""
        centred = x - x.mean(dim=1, keepdim=True)
        # Several times faster here than torch.var_mean or F.layer_norm on a transposed copy.
        scale = torch.rsqrt(centred.square().mean(dim=1, keepdim=True) + self.eps)
        return centred * scale * self.weight.view(-1, 1, 1)


class LinearAttention(nn.Module):
    """Attention whose cost grows linearly with the pixels (Shen et al. 2021, arXiv:1812.01243).

    Softmax over the features of each query and over the pixels of each key feature; the output is
    Q (K^T V) of each head, then a 1x1 convolution and a norm. Values and heads' outputs are linear in the
    input, so neither is formed: a head's value and output weights become one C x C matrix, and the sums
    over pixels run over C columns instead of ``heads * head_dim``.
    """

    def __init__(self, channels: int, heads: int = 4, head_dim: int = 32):
        super().__init__()
        self.heads = heads
        self.norm = ChannelNorm(channels)
        self.qkv = nn.Linear(channels, 3 * heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, channels)
        self.out_norm = ChannelNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        pixels = self.norm(x).flatten(2)  # (B, C, N)
        to_q, to_k, to_v = self.qkv.weight.chunk(3)  # (heads * d, C) each
        to_v, to_out = to_v.unflatten(0, (self.heads, -1)), self.out.weight.unflatten(1, (self.heads, -1))
        value_to_out = torch.einsum("ohe,hec->hoc", to_out, to_v)  # (heads, C, C)
        dtype = _compute_dtype(x)  # the functions below do not cast
        pixels, to_q, to_k = pixels.to(dtype), to_q.to(dtype), to_k.to(dtype)
        seen = sum_over_keys(pixels, to_k).unflatten(1, (self.heads, -1))  # (B, heads, d, C)
        mix = torch.einsum("bhdc,hoc->bohd", seen, value_to_out).flatten(2)  # (B, C, heads * d)
        y = mix_queries(pixels, to_q, mix.to(dtype), self.heads)
        y = y + self.out.bias[:, None]
        return x + self.out_norm(y.view_as(x))


class CosineAttention(nn.Module):
    """Full attention on the cosine of queries and keys, times 10 (De Falco et al.)."""

    scale = 10.0

    def __init__(self, channels: int, heads: int = 4, head_dim: int = 32):
        super().__init__()
        self.heads = heads
        self.norm = ChannelNorm(channels)
        self.qkv = nn.Linear(channels, 3 * heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        q, k, v = split_heads(self.qkv(to_tokens(self.norm(x))), self.heads)
        y = F.scaled_dot_product_attention(
            F.normalize(q, dim=-1), F.normalize(k, dim=-1), v, scale=self.scale
        )
        return x + to_map(self.out(merge_heads(y)), x)


class MultiheadAttention(nn.Module):
    """Multi-head attention behind a GroupNorm, with biases (Vaswani et al. 2017)."""

    def __init__(self, channels: int, groups: int, heads: int = 4):
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(groups, channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        head_dim = x.shape[1] // self.heads
        # Zeros in queries, keys and values change nothing, and the CPU's kernel needs a third less time for
        # heads of 16 than of 4 or 8. They come from the weights, which are small.
        padding = max(0, MIN_HEAD_DIM - head_dim)
        to_qkv = F.pad(self.qkv.weight.unflatten(0, (-1, head_dim)), (0, 0, 0, padding)).flatten(0, 1)
        bias = F.pad(self.qkv.bias.unflatten(0, (-1, head_dim)), (0, padding)).flatten()
        to_out = F.pad(self.out.weight.unflatten(1, (-1, head_dim)), (0, padding)).flatten(1)
        q, k, v = split_heads(F.linear(to_tokens(self.norm(x)), to_qkv, bias), self.heads)
        y = F.scaled_dot_product_attention(q, k, v, scale=head_dim**-0.5)
        return x + to_map(F.linear(merge_heads(y), to_out, self.out.bias), x)


def _compute_dtype(x: Tensor) -> torch.dtype:
    """The type a matrix product of `x` is computed in: autocast's where that is on."""
    kind = x.device.type
    on = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    return torch.get_autocast_dtype(kind) if on else x.dtype


def to_tokens(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H * W, C)."""
    return x.flatten(2).transpose(1, 2)


def to_map(tokens: Tensor, like: Tensor) -> Tensor:
    """(B, H * W, C) -> (B, C, H, W), the shape of `like`."""
    return tokens.transpose(1, 2).reshape(like.shape)


def split_heads(qkv: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """(B, N, 3 * heads * d) -> queries, keys and values, each (B, heads, N, d)."""
    # Cut first: the gradients then go together in one copy, in the layout of `qkv`.
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in qkv.chunk(3, dim=-1))
    return q, k, v


def merge_heads(y: Tensor) -> Tensor:
    """(B, heads, N, d) -> (B, N, heads * d)."""
    return y.transpose(1, 2).flatten(2)
