"""Training the autoencoder of a data set, once: it is kept in the cache under a digest of all it depends
on."""

from __future__ import annotations

import hashlib
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from qvunet.config.options import AutoencoderSection
from qvunet.data import ImageSet
from qvunet.latent.autoencoder import LatentAutoencoder
from qvunet.recognition.classifier import Classifier, classifier_features
from qvunet.tools.cache import Kept, kept
from qvunet.tools.pixels import to_model_range
from qvunet.tools.progress import ProgressReporter
from qvunet.tools.seeding import Stream, make_generator

VERSION = 1
"""Of architecture and training: a change gives other codes, so it must not find the old cache."""

GUIDE_SEED = 20_260
"""Of the classifier whose features images are to keep; evaluation judges by another."""
GUIDE_STEPS = 500
BATCH = 500
"""Images encoded or decoded together."""


def fitted_autoencoder(
    images: ImageSet, code_size: int, options: AutoencoderSection, device: torch.device
) -> LatentAutoencoder:
    """The autoencoder of some images, from the cache or by training it.

    The loss is the squared error of the pixels, and with a weight that of the features of a small classifier
    of the same images, which keeps what tells digits apart rather than what fills pixels. Images without
    classes go without.

    Args:
        images: to train on.
        code_size: numbers of a code.
        options: size and training.
        device: to train on.
    """
    size, channels = images.images.shape[-1], images.images.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(make_generator(options.seed, Stream.AUTOENCODER).initial_seed())
        model = LatentAutoencoder(size, channels, code_size, options.width, options.depth)

    def make() -> Kept:
        _train(model.to(device), images, options, device)
        return Kept({name: tensor.cpu().clone() for name, tensor in model.state_dict().items()}, {})

    found = kept("autoencoder", _digest(images, code_size, options), make)
    model.load_state_dict(found.tensors)
    return model.cpu().eval()


@torch.no_grad()
def encode_images(model: LatentAutoencoder, images: Tensor) -> Tensor:
    """Codes (N, code_size) float32 of images (N, C, H, W) uint8, on the CPU."""
    device = next(model.parameters()).device
    return torch.cat([model.encode(to_model_range(batch.to(device))).cpu() for batch in images.split(BATCH)])


def _train(
    model: LatentAutoencoder, images: ImageSet, options: AutoencoderSection, device: torch.device
) -> None:
    guide = _guide(images, device) if options.feature_weight else None
    total = options.epochs * -(-len(images) // options.batch_size)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.learning_rate, total_steps=total)
    model.train()
    with ProgressReporter("autoencoder", total, "images", options.batch_size) as reporter:
        for step in range(total):
            generator = make_generator(options.seed, Stream.AUTOENCODER, step + 1)
            batch = torch.randint(len(images), (options.batch_size,), generator=generator)
            x = to_model_range(images.images[batch].to(device))
            codes = model.encode(x)
            noise = torch.randn(codes.shape, generator=generator).to(device)
            back = model.decode(codes + options.code_noise * noise)
            loss = error = F.mse_loss(back, x)
            if guide is not None:
                loss = error + options.feature_weight * _feature_error(guide, back, x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            reporter.update(step + 1, f"squared error {error.item():.4f}")
    model.eval()


def _guide(images: ImageSet, device: torch.device) -> Classifier | None:
    """A classifier whose features are worth keeping; None where there are no classes."""
    if images.labels is None or len(images.labels.unique()) < 2:
        return None
    network = classifier_features(
        images, images[torch.arange(min(1000, len(images)))], GUIDE_SEED, GUIDE_STEPS
    )
    guide = network.network
    assert isinstance(guide, Classifier)
    return guide.requires_grad_(False).to(device)


def _feature_error(guide: Classifier, images: Tensor, wanted: Tensor) -> Tensor:
    """Squared error of every layer's activations, each relative to their variance."""
    total = images.new_zeros(())
    for layer in guide.body:
        images = layer(images)
        with torch.no_grad():
            wanted = layer(wanted)
        if isinstance(layer, nn.SiLU):
            total = total + F.mse_loss(images, wanted) / wanted.var()
    return total


def _digest(images: ImageSet, code_size: int, options: AutoencoderSection) -> str:
    digest = hashlib.sha256(json.dumps([VERSION, code_size, options.model_dump()]).encode())
    digest.update(str(tuple(images.images.shape)).encode())
    digest.update(images.images.numpy().tobytes())
    if options.feature_weight and images.labels is not None:
        digest.update(images.labels.numpy().tobytes())
    return digest.hexdigest()[:16]
