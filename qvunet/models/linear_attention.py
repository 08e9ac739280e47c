"""The two sums of linear attention, on a CPU a block of images at a time where their softmaxes are large.

The softmaxes of queries and keys, (B, F, N) for F features and N pixels, are by far the largest tensors of
the compact network. Its largest maps are read through them in blocks of images, in memory that stays in the
processor's cache, and the backward pass forms them again instead of having kept them.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any

import torch
from torch import Tensor

BLOCK_BYTES = 8 * 2**20
"""The most that one softmax of a block of images takes on a CPU."""


def sum_over_keys(pixels: Tensor, to_k: Tensor) -> Tensor:
    """Each key feature's mean of the pixels, weighted with a softmax over them.

    Args:
        pixels: (B, C, N).
        to_k: (F, C), the keys' weight.

    Returns:
        (B, F, C), ``softmax_N(to_k @ pixels) @ pixels^T``.
    """
    if _num_blocks(pixels, to_k) == 1:
        return torch.bmm(torch.bmm(_each(to_k, pixels), pixels).softmax(dim=2), pixels.mT)
    means: Tensor = _SumOverKeys.apply(pixels, to_k)
    return means


def mix_queries(pixels: Tensor, to_q: Tensor, mix: Tensor, heads: int) -> Tensor:
    """Read an output through the queries, each head with a softmax over its features.

    Args:
        pixels: (B, C, N).
        to_q: (F, C), the queries' weight: F / heads features of each head, one head after the other.
        mix: (B, C', F), the output for each query feature.
        heads: a divisor of F.

    Returns:
        (B, C', N), ``mix @ softmax_head(to_q @ pixels)``.
    """
    if _num_blocks(pixels, to_q) == 1:
        q = torch.bmm(_each(to_q, pixels), pixels).unflatten(1, (heads, -1)).softmax(dim=2)
        return torch.bmm(mix, q.flatten(1, 2))
    output: Tensor = _MixQueries.apply(pixels, to_q, mix, heads)
    return output


class _SumOverKeys(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pixels: Tensor, to_k: Tensor) -> Tensor:
        means = pixels.new_empty(len(pixels), *to_k.shape)
        for images, k, _ in _blocks(pixels, to_k):
            torch.bmm(_softmax(to_k, pixels[images], k), pixels[images].mT, out=means[images])
        ctx.save_for_backward(pixels, to_k, means)
        return means

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        pixels, to_k, means = ctx.saved_tensors
        # Softmax's rule is dz = k (dk - sum of k dk); the sum over pixels comes to one over channels.
        offset = (grad * means).sum(2, keepdim=True)
        d_pixels, d_to_k = torch.empty_like(pixels), torch.zeros_like(to_k)
        for images, k, dz in _blocks(pixels, to_k):
            x, g, dx = pixels[images], grad[images], d_pixels[images]
            torch.bmm(g.mT, _softmax(to_k, x, k), out=dx)
            torch.baddbmm(offset[images], g, x, beta=-1, out=dz).mul_(k)
            _add_weight_gradient(to_k, x, dz, dx, d_to_k)
        return d_pixels, d_to_k


class _MixQueries(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pixels: Tensor, to_q: Tensor, mix: Tensor, heads: int) -> Tensor:
        ctx.heads = heads
        ctx.save_for_backward(pixels, to_q, mix)
        output = pixels.new_empty(len(pixels), mix.shape[1], pixels.shape[2])
        for images, q, _ in _blocks(pixels, to_q):
            torch.bmm(mix[images], _softmax(to_q, pixels[images], q, heads), out=output[images])
        return output

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        pixels, to_q, mix = ctx.saved_tensors
        d_pixels, d_to_q, d_mix = (torch.zeros_like(tensor) for tensor in ctx.saved_tensors)
        for images, q, dz in _blocks(pixels, to_q):
            x, g = pixels[images], grad[images]
            _softmax(to_q, x, q, ctx.heads)
            torch.bmm(g, q.mT, out=d_mix[images])
            torch.bmm(mix[images].mT, g, out=dz).mul_(q)
            q_heads, dz_heads = (features.unflatten(1, (ctx.heads, -1)) for features in (q, dz))
            dz_heads.addcmul_(q_heads, dz_heads.sum(2, keepdim=True), value=-1)
            _add_weight_gradient(to_q, x, dz, d_pixels[images], d_to_q)
        return d_pixels, d_to_q, d_mix, None


def _num_blocks(pixels: Tensor, weight: Tensor) -> int:
    # The transforms of torch.func need the operations themselves.
    if pixels.device.type != "cpu" or torch._C._are_functorch_transforms_active():
        return 1
    image_bytes = len(weight) * pixels.shape[2] * pixels.element_size()
    return max(1, min(len(pixels), ceil(len(pixels) * image_bytes / BLOCK_BYTES)))


def _blocks(pixels: Tensor, weight: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Slices of the batch, each with the same memory for its features and for their gradients, (b, F, N)."""
    batch, size = len(pixels), ceil(len(pixels) / _num_blocks(pixels, weight))
    features, gradients = pixels.new_empty(2, size, len(weight), pixels.shape[2])
    for start in range(0, batch, size):
        images = slice(start, min(start + size, batch))
        number = images.stop - start
        yield images, features[:number], gradients[:number]


def _each(weight: Tensor, images: Tensor) -> Tensor:
    """The weight once for each image: bmm reads it in place, where matmul would copy the images."""
    return weight.expand(len(images), -1, -1)


def _softmax(weight: Tensor, pixels: Tensor, features: Tensor, heads: int | None = None) -> Tensor:
    """Fill `features`, (b, F, N), with ``weight @ pixels``, softmax over pixels or each head's features."""
    torch.bmm(_each(weight, pixels), pixels, out=features)
    if heads is None:
        return torch.softmax(features, dim=2, out=features)
    by_head = features.unflatten(1, (heads, -1))
    torch.softmax(by_head, dim=2, out=by_head)
    return features


def _add_weight_gradient(
    weight: Tensor, pixels: Tensor, dz: Tensor, d_pixels: Tensor, d_weight: Tensor
) -> None:
    """Add what the gradient `dz` of ``weight @ pixels`` is to each of the two."""
    d_pixels.baddbmm_(_each(weight.mT, pixels), dz)
    d_weight += torch.bmm(dz, pixels.mT).sum(0)
