from __future__ import annotations

import pytest
import torch

from qvunet.models import linear_attention
from qvunet.models.linear_attention import mix_queries, sum_over_keys

HEADS = 2


@pytest.fixture(params=[1, 3, 5], ids=lambda blocks: f"{blocks}_blocks")
def num_blocks(request, monkeypatch):
    """The blocks of five images; three blocks are of two, two and one."""
    image_bytes = 4 * 3 * 8
    monkeypatch.setattr(linear_attention, "BLOCK_BYTES", {1: 5, 3: 2, 5: 0.5}[request.param] * image_bytes)
    return request.param


def tensors():
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)

    # pixels (B, C, N), a weight (F, C), mix (B, C', F)
    return normal(5, 2, 3), normal(4, 2), normal(5, 6, 4)


def test_blocks_cover_the_batch(num_blocks):
    pixels, weight, _ = tensors()
    slices = [images for images, _, _ in linear_attention._blocks(pixels, weight)]
    assert len(slices) == num_blocks
    assert torch.equal(torch.cat([pixels[images] for images in slices]), pixels)


def test_sum_over_keys_is_its_definition(num_blocks):
    pixels, to_k, _ = tensors()
    expected = (to_k @ pixels).softmax(dim=2) @ pixels.mT
    torch.testing.assert_close(sum_over_keys(pixels, to_k), expected)


def test_mix_queries_is_its_definition(num_blocks):
    pixels, to_q, mix = tensors()
    q = torch.cat([features.softmax(dim=1) for features in (to_q @ pixels).chunk(HEADS, dim=1)], dim=1)
    torch.testing.assert_close(mix_queries(pixels, to_q, mix, HEADS), mix @ q)


def test_gradients_are_those_of_finite_differences(num_blocks):
    pixels, weight, mix = tensors()
    assert torch.autograd.gradcheck(sum_over_keys, (pixels, weight))
    assert torch.autograd.gradcheck(lambda *inputs: mix_queries(*inputs, HEADS), (pixels, weight, mix))


def test_blocks_of_another_dtype(num_blocks):
    pixels, weight, mix = (tensor.detach().bfloat16() for tensor in tensors())
    exact = mix_queries(pixels.double(), weight.double(), mix.double(), HEADS)
    torch.testing.assert_close(mix_queries(pixels, weight, mix, HEADS).double(), exact, rtol=0.05, atol=0.05)


def test_no_softmax_of_the_batch_is_kept(monkeypatch):
    pixels, weight, mix = tensors()
    monkeypatch.setattr(linear_attention, "BLOCK_BYTES", 1)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.shape) or t, lambda t: t):
        mix_queries(pixels, weight, mix, HEADS)
        sum_over_keys(pixels, weight)
    assert kept
    assert (5, 4, 3) not in kept
