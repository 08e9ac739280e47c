from __future__ import annotations

import pytest
import torch

from qvunet.config.options import AutoencoderSection
from qvunet.data import ImageSet
from qvunet.latent.autoencoder import LatentAutoencoder
from qvunet.latent.fitting import encode_images, fitted_autoencoder

CPU = torch.device("cpu")
QUICK = AutoencoderSection(width=8, depth=0, epochs=3, batch_size=16, feature_weight=0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path / "cache"))


def images(count: int = 64, channels: int = 1, size: int = 8) -> ImageSet:
    """Bars of two kinds at places and of brightnesses that differ."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    pixels = torch.zeros(count, channels, size, size, dtype=torch.uint8)
    for k in range(count):
        at = int(torch.randint(size, (), generator=generator))
        value = int(torch.randint(128, 256, (), generator=generator))
        if labels[k]:
            pixels[k, :, at] = value
        else:
            pixels[k, :, :, at] = value
    return ImageSet(pixels, labels)


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (32, 3), (8, 1), (4, 1), (33, 2)])
def test_images_come_back_in_their_shape(size, channels):
    net = LatentAutoencoder(size, channels, code_size=24, width=8).eval()
    x = torch.rand(3, channels, size, size) * 2 - 1
    assert net.encode(x).shape == (3, 24)
    assert net(x).shape == x.shape
    assert net(x).abs().max() <= 1


def test_codes_have_unit_variance_and_copies_resemble():
    data = images()
    options = QUICK.model_copy(update={"epochs": 40})
    net = fitted_autoencoder(data, 12, options, CPU)
    codes = encode_images(net, data.images)
    assert codes.shape == (64, 12)
    assert codes.mean(dim=0).abs().max() < 0.3
    assert ((codes.std(dim=0) > 0.6) & (codes.std(dim=0) < 1.6)).all()
    x = data.images.float() / 127.5 - 1
    with torch.inference_mode():
        error = (net(x) - x).square().mean()
    assert error < 0.5 * (x - x.mean(dim=0)).square().mean()


def test_it_is_trained_once_for_its_data_and_options(monkeypatch):
    from qvunet.latent import fitting

    first = fitted_autoencoder(images(), 12, QUICK, CPU)
    calls = []
    train = fitting._train
    monkeypatch.setattr(fitting, "_train", lambda *a: calls.append(a) or train(*a))
    again = fitted_autoencoder(images(), 12, QUICK, CPU)
    assert not calls
    for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    fitted_autoencoder(images(), 24, QUICK, CPU)
    fitted_autoencoder(images(), 12, QUICK.model_copy(update={"seed": 1}), CPU)
    fitted_autoencoder(images(60), 12, QUICK, CPU)
    assert len(calls) == 3


def test_features_are_kept_where_there_are_classes():
    options = QUICK.model_copy(update={"feature_weight": 0.1, "epochs": 1})
    with_classes = fitted_autoencoder(images(), 12, options, CPU)
    without = fitted_autoencoder(
        ImageSet(images().images, torch.zeros(64, dtype=torch.long)), 12, options, CPU
    )
    different = [
        not torch.equal(a, b) for a, b in zip(with_classes.parameters(), without.parameters(), strict=True)
    ]
    assert any(different)
