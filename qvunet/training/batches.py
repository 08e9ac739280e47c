"""Training batches as pure functions of (seed, step), shared among processes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from qvunet.diffusion.conditioning import TrainingLabels
from qvunet.diffusion.objective import Objective
from qvunet.tools.pixels import as_clean
from qvunet.tools.seeding import Stream, make_generator


@dataclass(frozen=True)
class Batch:
    """One training batch, or one process's part of it.

    Attributes:
        clean: (B, ...) float32: images in [-1, 1], or codes.
        noise: of the same shape, standard normal.
        levels: (B,) noise levels, timesteps or sigmas.
        labels: (B,) int64 classes, for a network with classes.
    """

    clean: Tensor
    noise: Tensor
    levels: Tensor
    labels: Tensor | None


@dataclass(frozen=True)
class BatchSource:
    """Draws training batches.

    Every process draws the whole batch's random numbers and takes its own part, so the union over the
    processes is the batch of a single process.

    Attributes:
        examples: (N, C, H, W) uint8 images, or (N, d) float32 codes.
        batch_size: images a step over all processes, a multiple of `num_processes`.
        objective: draws noise levels.
        seed: of the run.
        process: number of this process.
        num_processes: number of processes.
        device: where batches go.
        labels: classes of the images, for a network with classes.
    """

    examples: Tensor
    batch_size: int
    objective: Objective
    seed: int
    process: int
    num_processes: int
    device: torch.device
    labels: TrainingLabels | None = None

    def batch(self, step: int) -> Batch:
        """This process's part of the batch of a step, steps counted from 0."""
        share = self.batch_size // self.num_processes
        mine = slice(self.process * share, (self.process + 1) * share)
        shape = (self.batch_size, *self.examples.shape[1:])
        noise = torch.randn(shape, generator=make_generator(self.seed, Stream.NOISE, step))
        levels = self.objective.draw_levels(
            self.batch_size, make_generator(self.seed, Stream.NOISE_LEVELS, step)
        )
        indices = self.indices(step)
        return Batch(
            as_clean(self.examples[indices[mine]]).to(self.device),
            noise[mine].to(self.device),
            levels[mine].to(self.device),
            None if self.labels is None else self.labels.batch(step, indices)[mine].to(self.device),
        )

    def indices(self, step: int) -> Tensor:
        """(batch_size,) image numbers of a step: epoch after epoch, each in its own random order.

        A batch may end one epoch and begin the next.
        """
        positions = torch.arange(step * self.batch_size, (step + 1) * self.batch_size)
        epochs = positions // len(self.examples)
        return torch.cat(
            [self._order(int(e))[positions[epochs == e] % len(self.examples)] for e in epochs.unique()]
        )

    def _order(self, epoch: int) -> Tensor:
        return torch.randperm(
            len(self.examples), generator=make_generator(self.seed, Stream.DATA_ORDER, epoch)
        )
