"""Self-attention over the pixels of a feature map, each with its pre-norm and residual.

`LinearAttention` and `CosineAttention` are those of De Falco et al. (KI 38, 2024), `MultiheadAttention`
that of Capece's network. Full attention goes through `scaled_dot_product_attention`, so that the
(pixels x pixels) weights never exist in memory.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
        batch, heads = x.shape[0], self.heads
        pixels = self.norm(x).flatten(2)  # (B, C, N)
        to_q, to_k, to_v = self.qkv.weight.chunk(3)  # (heads * d, C) each
        # bmm with an expanded weight reads the map in place; matmul would copy it to fold the batch.
        q = torch.bmm(to_q.expand(batch, -1, -1), pixels).unflatten(1, (heads, -1)).softmax(dim=2)
        k = torch.bmm(to_k.expand(batch, -1, -1), pixels).softmax(dim=2)
        seen = torch.bmm(k, pixels.mT).unflatten(1, (heads, -1))  # (B, heads, d, C): K^T of the input
        to_v, to_out = to_v.unflatten(0, (heads, -1)), self.out.weight.unflatten(1, (heads, -1))
        value_to_out = torch.einsum("ohe,hec->hoc", to_out, to_v)  # (heads, C, C)
        mix = torch.einsum("bhdc,hoc->bohd", seen, value_to_out).flatten(2)  # (B, C, heads * d)
        y = torch.bmm(mix, q.flatten(1, 2)) + self.out.bias[:, None]
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
        q, k, v = split_heads(self.qkv(to_tokens(self.norm(x))), self.heads)
        y = F.scaled_dot_product_attention(q, k, v)
        return x + to_map(self.out(merge_heads(y)), x)


def to_tokens(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H * W, C)."""
    return x.flatten(2).transpose(1, 2)


def to_map(tokens: Tensor, like: Tensor) -> Tensor:
    """(B, H * W, C) -> (B, C, H, W), the shape of `like`."""
    return tokens.transpose(1, 2).reshape(like.shape)


def split_heads(qkv: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """(B, N, 3 * heads * d) -> queries, keys and values, each (B, heads, N, d)."""
    q, k, v = qkv.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    return q, k, v


def merge_heads(y: Tensor) -> Tensor:
    """(B, heads, N, d) -> (B, N, heads * d)."""
    return y.transpose(1, 2).flatten(2)
