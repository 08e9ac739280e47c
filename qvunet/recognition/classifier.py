"""The default features: a small classifier trained on the labels of the data itself.

Its features mean something for the images at hand, which Inception's do not for digits, and nothing is
downloaded. Trained once for a data set, in about a minute for 28x28 images on two cores, and kept in a
cache: in ``$QVUNET_CACHE``, or ``~/.cache/qvunet``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from backends.errors import UserError
from qvunet.data import ImageSet
from qvunet.recognition.features import FeatureNetwork
from qvunet.tools.cache import cache_directory
from qvunet.tools.files import replacing
from qvunet.tools.pixels import to_model_range
from qvunet.tools.progress import ProgressReporter
from qvunet.tools.seeding import Stream, make_generator

NUM_FEATURES = 64
"""Of the last layer before the classes."""

VERSION = 1
"""Of architecture and training: a change gives other figures, so it must not find the old cache."""

BATCH_SIZE = 128
"""Images of a training step."""

LEARNING_RATE = 3e-3
"""Highest of the one-cycle schedule."""


class Classifier(nn.Module):
    """A small convolutional network for images of any size.

    Its features are standardised: over the images it was trained on each has mean 0 and variance 1, so that
    figures do not depend on how large the activations of one training happen to be.

    Args:
        num_channels: of the images.
        num_classes: that it tells apart.
    """

    def __init__(self, num_channels: int, num_classes: int):
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(num_channels, 16, stride=1),
            *_convolution(16, 32, stride=2),
            *_convolution(32, 64, stride=2),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(64 * 16, NUM_FEATURES),
            nn.SiLU(),
        )
        self.head = nn.Linear(NUM_FEATURES, num_classes)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(NUM_FEATURES))
        self.register_buffer("std", torch.ones(NUM_FEATURES))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) uint8 -> features (B, 64), logits (B, num_classes)."""
        activations = self.body(to_model_range(images))
        return (activations - self.mean) / self.std, self.head(activations)


def classifier_features(seen: ImageSet, heldout: ImageSet, seed: int, steps: int) -> FeatureNetwork:
    """Get the classifier of a data set, from the cache or by training it.

    Args:
        seen: images to train on.
        heldout: images to measure its accuracy on.
        seed: of its training.
        steps: of its training.

    Raises:
        UserError: if there are fewer than two classes, or the cached file is damaged.
    """
    labels = _labels(seen)
    num_classes = int(max(labels.max(), _labels(heldout).max())) + 1
    if len(labels.unique()) < 2:
        raise _needs_classes("one")
    file = cache_directory() / "classifiers" / f"{_digest(seen, heldout, seed, steps)}.safetensors"
    model = _new_classifier(seen.images.shape[1], num_classes, seed)
    if not file.exists():
        _train(model, seen, seed, steps)
        _save(model, file, {"accuracy": _accuracy(model, heldout), "classes": num_classes})
    facts = _load(model, file)
    return FeatureNetwork(
        "classifier", model.eval(), 256, {**facts, "seed": seed, "steps": steps, "digest": file.stem}
    )


def _labels(images: ImageSet) -> Tensor:
    if images.labels is None:
        raise _needs_classes("none")
    return images.labels


def _needs_classes(number: str) -> UserError:
    return UserError(
        f"evaluate.features: classifier needs images of two classes or more, and these have {number}; "
        "use evaluate.features=inception"
    )


def _convolution(num_in: int, num_out: int, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(num_in, num_out, 3, stride, padding=1), nn.GroupNorm(8, num_out), nn.SiLU()


def _new_classifier(num_channels: int, num_classes: int, seed: int) -> Classifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(make_generator(seed, Stream.CLASSIFIER).initial_seed())
        return Classifier(num_channels, num_classes)


def _train(model: Classifier, seen: ImageSet, seed: int, steps: int) -> None:
    """Train on the CPU: the same network whatever the run's device."""
    labels = _labels(seen)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    with ProgressReporter("classifier", steps, "images", BATCH_SIZE) as reporter:
        for step in range(1, steps + 1):
            batch = torch.randint(
                len(seen), (BATCH_SIZE,), generator=make_generator(seed, Stream.CLASSIFIER, step)
            )
            _, logits = model(seen.images[batch])
            loss = F.cross_entropy(logits, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            reporter.update(step, f"loss {loss.item():.4f}")
    _standardise(model, seen)


@torch.no_grad()
def _standardise(model: Classifier, seen: ImageSet) -> None:
    features = torch.cat([model(images)[0] for images in seen.images.split(256)])
    model.mean, model.std = features.mean(dim=0), features.std(dim=0).clamp(min=1e-6)


@torch.no_grad()
def _accuracy(model: Classifier, heldout: ImageSet) -> float:
    logits = torch.cat([model(images)[1] for images in heldout.images.split(256)])
    return (logits.argmax(dim=1) == _labels(heldout)).double().mean().item()


def _digest(seen: ImageSet, heldout: ImageSet, seed: int, steps: int) -> str:
    """Of all that determines the classifier; of the images themselves, since files may change."""
    digest = hashlib.sha256(json.dumps([VERSION, seed, steps]).encode())
    for images in (seen, heldout):
        digest.update(str(tuple(images.images.shape)).encode())
        digest.update(images.images.numpy().tobytes())
        digest.update(_labels(images).numpy().tobytes())
    return digest.hexdigest()[:16]


def _save(model: Classifier, file: Path, facts: dict[str, float]) -> None:
    with replacing(file) as temporary:
        save_file(model.state_dict(), temporary, metadata={"facts": json.dumps(facts)})


def _load(model: Classifier, file: Path) -> dict[str, float]:
    try:
        model.load_state_dict(load_file(file))
        with safe_open(file, "pt") as opened:
            return json.loads(opened.metadata()["facts"])
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file}: damaged ({error}); delete it, and it is made again") from None
