"""Evaluating a network on held-out images, every time with the same noise at the same noise levels.

Each image is seen once in every band of noise levels, a tenth of those that training draws, at a level drawn
within the band. The mean over the bands is then the training objective, with less variance than random levels
have, and each band can be looked at by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from backends.layer import start_step
from qvunet.data import ImageSet
from qvunet.diffusion.objective import Objective
from qvunet.models.network import HybridNetwork
from qvunet.tasks import Task
from qvunet.tools.pixels import as_clean
from qvunet.tools.seeding import Stream, make_generator

NUM_BANDS = 10
BATCH_SIZE = 64

OnProgress = Callable[[int], None]


@dataclass(frozen=True)
class Prediction:
    """What a network made of the probe.

    Attributes:
        noise: (bands, N, ...) that it predicted.
        losses: (bands, N) of its examples.
    """

    noise: Tensor
    losses: Tensor

    @property
    def image_losses(self) -> Tensor:
        """(N,), the mean over the bands."""
        return self.losses.mean(dim=0)


@dataclass(frozen=True)
class Probe:
    """Examples with their noise and levels.

    Attributes:
        objective: of the network's training.
        clean: (N, ...) examples.
        noise: (bands, N, ...).
        levels: (bands, N).
        edges: (bands + 1,) levels between which the bands lie.
        labels: (N,) classes, for a network with classes.
    """

    objective: Objective
    clean: Tensor
    noise: Tensor
    levels: Tensor
    edges: Tensor
    labels: Tensor | None

    @classmethod
    def of(cls, task: Task, images: ImageSet, num: int, seed: int, num_bands: int = NUM_BANDS) -> Probe:
        """Probe a task with the first of some images.

        Args:
            task: of the network.
            images: held-out ones.
            num: of images, no more than there are.
            seed: of noise and levels.
            num_bands: of noise levels.
        """
        chosen = images[torch.arange(num)]
        clean = as_clean(task.examples(chosen))
        generator = make_generator(seed, Stream.INFLUENCE)
        within = torch.rand(num_bands, num, generator=generator)
        quantiles = (torch.arange(num_bands).unsqueeze(1) + within) / num_bands
        edges = torch.linspace(0, 1, num_bands + 1)
        return cls(
            objective=task.objective,
            clean=clean,
            noise=torch.randn(num_bands, *clean.shape, generator=generator),
            levels=task.objective.levels_at(quantiles),
            edges=task.objective.levels_at(edges),
            labels=chosen.labels if task.config.model.num_classes is not None else None,
        )

    @property
    def num_batches(self) -> int:
        """Calls of the network that one prediction takes."""
        return len(self.levels) * -(-len(self.clean) // BATCH_SIZE)

    @torch.inference_mode()
    def predict(self, model: HybridNetwork, on_batch: OnProgress = lambda done: None) -> Prediction:
        """Send the whole probe through a network.

        Args:
            model: the network, on whatever backend; what is random there is the same every time.
            on_batch: called with the number of batches done.
        """
        device = next(model.parameters()).device
        noise = torch.empty_like(self.noise)
        losses = torch.empty(self.levels.shape)
        for number, (band, images) in enumerate(self._batches()):
            start_step(model, number)
            parts = [self.clean[images], self.noise[band, images], self.levels[band, images]]
            clean, drawn, levels = (part.to(device) for part in parts)
            labels = None if self.labels is None else self.labels[images].to(device)
            predicted = self.objective.predicted_noise(model, clean, drawn, levels, labels)
            noise[band, images] = predicted.float().cpu()
            losses[band, images] = self.objective.losses_of(predicted, drawn, levels).cpu()
            on_batch(number + 1)
        return Prediction(noise, losses)

    def _batches(self) -> Iterator[tuple[int, slice]]:
        for band in range(len(self.levels)):
            for start in range(0, len(self.clean), BATCH_SIZE):
                yield band, slice(start, start + BATCH_SIZE)
