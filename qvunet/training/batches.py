"""Training batches as pure functions of (seed, step), shared among processes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from qvunet.diffusion.conditioning import TrainingLabels
from qvunet.tools.pixels import to_model_range
from qvunet.tools.seeding import Stream, make_generator


@dataclass(frozen=True)
class Batch:
    """One training batch, or one process's part of it.

    Attributes:
        images: (B, C, H, W) float32 in [-1, 1].
        noise: (B, C, H, W), standard normal.
        timesteps: (B,) int64 in [0, num_train_timesteps).
        labels: (B,) int64 classes, for a network with classes.
    """

    images: Tensor
    noise: Tensor
    timesteps: Tensor
    labels: Tensor | None


@dataclass(frozen=True)
class BatchSource:
    """Draws training batches.

    Every process draws the whole batch's random numbers and takes its own part, so the union over the
    processes is the batch of a single process.

    Attributes:
        images: (N, C, H, W) uint8 training images.
        batch_size: images a step over all processes, a multiple of `num_processes`.
        num_train_timesteps: T.
        seed: of the run.
        process: number of this process.
        num_processes: number of processes.
        device: where batches go.
        labels: classes of the images, for a network with classes.
    """

    images: Tensor
    batch_size: int
    num_train_timesteps: int
    seed: int
    process: int
    num_processes: int
    device: torch.device
    labels: TrainingLabels | None = None

    def batch(self, step: int) -> Batch:
        """This process's part of the batch of a step, steps counted from 0."""
        share = self.batch_size // self.num_processes
        mine = slice(self.process * share, (self.process + 1) * share)
        shape = (self.batch_size, *self.images.shape[1:])
        noise = torch.randn(shape, generator=make_generator(self.seed, Stream.NOISE, step))
        timesteps = torch.randint(
            self.num_train_timesteps,
            (self.batch_size,),
            generator=make_generator(self.seed, Stream.TIMESTEPS, step),
        )
        indices = self.indices(step)
        images = to_model_range(self.images[indices[mine]])
        return Batch(
            images.to(self.device),
            noise[mine].to(self.device),
            timesteps[mine].to(self.device),
            None if self.labels is None else self.labels.batch(step, indices)[mine].to(self.device),
        )

    def indices(self, step: int) -> Tensor:
        """(batch_size,) image numbers of a step: epoch after epoch, each in its own random order.

        A batch may end one epoch and begin the next.
        """
        positions = torch.arange(step * self.batch_size, (step + 1) * self.batch_size)
        epochs = positions // len(self.images)
        return torch.cat(
            [self._order(int(e))[positions[epochs == e] % len(self.images)] for e in epochs.unique()]
        )

    def _order(self, epoch: int) -> Tensor:
        return torch.randperm(len(self.images), generator=make_generator(self.seed, Stream.DATA_ORDER, epoch))
