"""The real images of an evaluation: which are compared, which give the floor, which train the classifier."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from backends.errors import UserError
from qvunet.data import Dataset, ImageSet
from qvunet.tools.seeding import Stream, make_generator

MAX_IMAGES = 2000
"""Compared by default, where more are held out."""


@dataclass(frozen=True)
class Reference:
    """Real images, no image in two of the sets.

    Attributes:
        heldout: that training never saw; generated images are compared with them.
        floor: as many training images; the figures of these are what real images would get.
        seen: the other training images, for the classifier, whose features would flatter images it
            has been trained on.
    """

    heldout: ImageSet
    floor: ImageSet
    seen: ImageSet


def choose_reference(dataset: Dataset, num: int | None, seed: int) -> Reference:
    """Choose real images at random.

    The images kept for the floor are as many as are held out, but no more than half of the training images.
    They do not depend on `num`, and so neither does the classifier.

    Args:
        dataset: all images.
        num: of `heldout` and `floor`; None takes all, at most `MAX_IMAGES`.
        seed: of the choice.

    Raises:
        UserError: if there are not so many.
    """
    heldout = _shuffled(dataset.holdout, seed, 0)
    train = _shuffled(dataset.train, seed, 1)
    available = min(len(heldout), len(train) // 2)
    num = min(available, MAX_IMAGES) if num is None else num
    if num > available:
        raise UserError(
            f"evaluate.num: at most {available:,} with these data ({len(heldout):,} images held out, "
            f"{len(train):,} trained on), not {num:,}"
        )
    return Reference(
        heldout=heldout[torch.arange(num)],
        floor=train[torch.arange(num)],
        seen=train[torch.arange(available, len(train))],
    )


def _shuffled(images: ImageSet, seed: int, which: int) -> ImageSet:
    return images[torch.randperm(len(images), generator=make_generator(seed, Stream.REFERENCE, which))]
