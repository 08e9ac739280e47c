from __future__ import annotations

import pytest
import torch

from backends import make_backend
from backends.errors import UserError
from qvunet.cores.registry import CORES
from qvunet.latent.denoiser import LatentDenoiser


def denoiser(**options) -> LatentDenoiser:
    torch.manual_seed(0)
    return LatentDenoiser(**{"num_circuits": 2, **options}).double()


def noisy(batch: int = 5, size: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    codes = torch.randn(batch, size, generator=generator, dtype=torch.double)
    return codes, torch.rand(batch, generator=generator, dtype=torch.double) + 0.1


@pytest.mark.parametrize("core", CORES)
def test_every_core_has_a_place_in_it(core):
    net = denoiser(core=core)
    y = net(*noisy()).sample
    assert y.shape == (5, 24)
    y.sum().backward()
    for name, p in net.named_parameters():
        assert p.grad is not None or not p.requires_grad or core == "none", name


def test_an_untrained_network_of_zeros_returns_the_best_linear_guess():
    """With F = 0 the preconditioned network is c_skip x: the posterior mean for codes of unit variance."""
    net = denoiser()
    with torch.no_grad():
        for p in net.parameters():
            p.zero_()
    codes, sigma = noisy()
    expected = codes / (1 + sigma.square()).unsqueeze(1)
    torch.testing.assert_close(net(codes, sigma).sample, expected)


def test_without_blocks_it_is_linear_in_the_code():
    """What `vertex` names is all that is not linear: the second difference vanishes without it."""
    net = denoiser()
    hooks = [b.register_forward_hook(lambda m, i, out: torch.zeros_like(out)) for b in net.vertex()]
    a, b = torch.randn(2, 3, 24, dtype=torch.double)
    sigma = torch.ones(3, dtype=torch.double)
    y = [net(x, sigma).sample for x in (a, b, (a + b) / 2)]
    torch.testing.assert_close(y[2], (y[0] + y[1]) / 2)
    for hook in hooks:
        hook.remove()
    y = [net(x, sigma).sample for x in (a, b, (a + b) / 2)]
    assert (y[2] - (y[0] + y[1]) / 2).abs().max() > 1e-3


def test_images_of_a_batch_do_not_mix():
    net, (codes, sigma) = denoiser(), noisy()
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(net(codes[order], sigma[order]).sample, net(codes, sigma).sample[order])


def test_parameters_are_those_of_the_prototype():
    """DESIGN.md section 8: 12 numbers, two blocks, HQConv of two layers, 112 quantum weights."""
    net = LatentDenoiser(num_circuits=1, num_layers=2)
    assert net.num_parameters_by_kind()["quantum"] == 112
    assert 1_900 < sum(net.num_parameters_by_kind().values()) < 2_300


def test_uploads_are_scaled_apart():
    net = denoiser(ansatz="fqconv", uploads=3)
    core = net.cores()["block 1"]
    assert core.scale.shape == (2, 3, 12)
    net(*noisy()).sample.sum().backward()
    assert (core.scale.grad.abs().sum(dim=(0, 2)) > 0).all()
    assert net.num_parameters_by_kind()["quantum"] == 2 * 2 * 3 * 24
    with torch.no_grad():
        core.scale.uniform_(0.5, 2.0)
        angles = torch.rand(4, 2, 12, dtype=torch.double)
        by_hand = torch.cat([angles * core.scale[:, k] for k in range(3)], dim=-1)
        torch.testing.assert_close(core(angles), core.layer(by_hand))


def test_classes_change_what_is_predicted():
    net, (codes, sigma) = denoiser(num_classes=3), noisy()
    nothing = net(codes, sigma).sample
    torch.testing.assert_close(net(codes, sigma, torch.full((5,), 3)).sample, nothing)
    assert (net(codes, sigma, torch.zeros(5, dtype=torch.long)).sample - nothing).abs().max() > 1e-3
    with pytest.raises(ValueError, match="num_classes"):
        denoiser()(codes, sigma, torch.zeros(5, dtype=torch.long))


def test_one_state_dict_fits_every_backend(tmp_path):
    net = LatentDenoiser(ansatz="fqconv")
    codes, sigma = torch.randn(2, 12), torch.ones(2)
    net.save_pretrained(tmp_path)
    other = LatentDenoiser.from_pretrained(tmp_path, backend=make_backend("aer_statevector"))
    torch.testing.assert_close(other(codes, sigma).sample, net(codes, sigma).sample, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "options",
    [
        {"num_blocks": 0},
        {"num_circuits": 0},
        {"uploads": 0},
        {"core": "x"},
        {"uploads": 2, "core": "mlp"},
        {"readout": "zz", "core": "encoding"},
    ],
)
def test_what_is_not_allowed_is_named(options):
    with pytest.raises(UserError, match=next(iter(options))):
        LatentDenoiser(**options)


def test_codes_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"\(B, 24\)"):
        denoiser()(torch.zeros(2, 12, dtype=torch.double), 1.0)
