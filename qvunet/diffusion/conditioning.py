"""Classes: which image has which, and classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598).

Training hides the class of some images behind a null class, so that one network predicts the noise with
and without a class; sampling exaggerates the difference between the two predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from backends.errors import UserError
from qvunet.config import Config
from qvunet.config.options import SampleSection
from qvunet.data import ImageSet
from qvunet.tools.seeding import Stream, make_generator

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""Noisy images (B, C, H, W) and timesteps (B,) -> predicted noise (B, C, H, W)."""


@dataclass(frozen=True)
class TrainingLabels:
    """The classes that training shows to the network.

    Attributes:
        labels: (N,) int64 classes of the training images, in [0, num_classes).
        num_classes: number of classes, and the label of the null class.
        dropout: probability that an image's class is hidden.
        seed: of the run.
    """

    labels: Tensor
    num_classes: int
    dropout: float
    seed: int

    def batch(self, step: int, indices: Tensor) -> Tensor:
        """(B,) labels of the images at `indices`, a whole step's, some of them the null class."""
        draws = torch.rand(len(indices), generator=make_generator(self.seed, Stream.LABEL_DROPOUT, step))
        return self.labels[indices].where(draws >= self.dropout, self.num_classes)


def training_labels(config: Config, images: ImageSet) -> TrainingLabels | None:
    """The labels of a run; None if its network has no classes.

    Raises:
        UserError: if the data have no classes, or more than the network.
    """
    num_classes = config.model.num_classes
    if num_classes is None:
        return None
    if images.labels is None:
        raise UserError(
            f"model.num_classes: {num_classes}, but data: {config.data.name} has no classes here; "
            "null trains without, and docs/data.md says where each source has them"
        )
    smallest, largest = int(images.labels.min()), int(images.labels.max())
    if smallest < 0 or largest >= num_classes:
        raise UserError(
            f"data: {config.data.name} has the classes {smallest} to {largest}, but model.num_classes = "
            f"{num_classes} allows 0 to {num_classes - 1}"
        )
    return TrainingLabels(images.labels, num_classes, config.train.label_dropout, config.seed)


def classes_to_draw(sample: SampleSection, num_classes: int | None) -> Sequence[int]:
    """The classes that images take in turn; empty for a network without classes."""
    return sample.classes or range(num_classes or 0)


def grid_columns(config: Config) -> int | None:
    """Images in a row of a grid so that each column is a class; None where there is nothing to sort."""
    classes = classes_to_draw(config.sample, config.model.num_classes)
    return len(classes) if len(classes) > 1 else None


def is_guided(sample: SampleSection) -> bool:
    """Whether each step evaluates the network twice for every image, with and without its class."""
    return sample.guidance_scale != 1.0


def make_denoiser(model: nn.Module, sample: SampleSection, indices: Sequence[int]) -> Denoiser:
    """What predicts the noise in the images of one batch.

    Args:
        model: a network, with classes or without; a `qvunet.QVUNet` says so in its config.
        sample: classes and guidance.
        indices: number of each image in the batch; image i has the class i modulo the classes to draw.
    """
    num_classes = getattr(getattr(model, "config", None), "num_classes", None)
    if num_classes is None:
        return lambda x, timesteps: model(x, timesteps).sample
    classes = classes_to_draw(sample, num_classes)
    device = next(model.parameters()).device
    labels = torch.tensor([classes[i % len(classes)] for i in indices], device=device)
    if not is_guided(sample):
        return lambda x, timesteps: model(x, timesteps, class_labels=labels).sample
    both_labels = torch.cat([labels, torch.full_like(labels, num_classes)])

    def guided(x: Tensor, timesteps: Tensor) -> Tensor:
        """One evaluation of the doubled batch (Ho & Salimans, equation 6, with scale = 1 + w)."""
        both = model(x.repeat(2, *[1] * (x.dim() - 1)), timesteps.repeat(2), class_labels=both_labels).sample
        eps_class, eps_null = both.chunk(2)
        return eps_null + sample.guidance_scale * (eps_class - eps_null)

    return guided
