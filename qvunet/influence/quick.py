"""The line about the circuits at the end of every training: seconds, so that nobody turns it off."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from qvunet.data import ImageSet
from qvunet.influence.ablations import Ablation, ablated
from qvunet.influence.change import Change, relative_change
from qvunet.influence.probe import Probe
from qvunet.models.network import HybridNetwork
from qvunet.tasks import Task

QUICK_IMAGES = 64


@dataclass(frozen=True)
class QuickInfluence:
    """What becomes of the held-out loss without the circuits.

    Attributes:
        loss: with them.
        change: relative, when they return zeros.
    """

    loss: float
    change: Change

    def __str__(self) -> str:
        """As in ``circuits to zero changes the held-out loss by +0.0004 % (+-0.0002)``."""
        value, margin = 100 * self.change.value, 100 * self.change.margin
        decimals = min(7, max(2, 1 - math.floor(math.log10(margin)))) if margin else 2
        return (
            f"circuits to zero changes the held-out loss by {value:+.{decimals}f} % (+-{margin:.{decimals}f})"
        )


def quick_influence(model: HybridNetwork, task: Task, images: ImageSet) -> QuickInfluence | None:
    """Measure it; None if there are no circuits, or too few images for an interval.

    Args:
        model: a network in evaluation mode, its circuits on a backend that simulates.
        task: of the network.
        images: held-out ones.
    """
    if not model.circuit_layers() or len(images) < 2:
        return None
    return core_influence(model, task, images, min(QUICK_IMAGES, len(images)))


def core_influence(model: HybridNetwork, task: Task, images: ImageSet, num: int) -> QuickInfluence:
    """The same of whatever stands in the circuits' place; of a classical network the loss, and no change.

    Args:
        model: a network in evaluation mode.
        task: of the network.
        images: held-out ones.
        num: how many of them, at least 2.
    """
    probe = Probe.of(task, images, num, seed=0)
    before = probe.predict(model)
    with ablated(model, Ablation("zero"), {}):
        after = probe.predict(model)
    change = relative_change(before.image_losses, after.image_losses)
    return QuickInfluence(float(torch.mean(before.image_losses)), change)
