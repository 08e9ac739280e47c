"""What a task is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from backends import Backend, make_backend
from qvunet.ansatz.keeping import Record
from qvunet.config import Config
from qvunet.config.options import SampleSection
from qvunet.data import ImageSet
from qvunet.diffusion.objective import Objective
from qvunet.models.network import HybridNetwork

OnProgress = Callable[[float], None]


class Task(ABC):
    """A config's network, what it is trained on and for, and how images are drawn with it.

    Args:
        config: resolved config.
        circuit: that the run keeps, if it keeps one; it goes before what the config names.
    """

    def __init__(self, config: Config, circuit: Record | None = None) -> None:
        self.config = config
        self.circuit = circuit

    @cached_property
    @abstractmethod
    def objective(self) -> Objective:
        """What the network is trained to do."""

    def prepare(self, images: ImageSet, device: torch.device) -> None:  # noqa: B027 - most tasks need nothing
        """Make or find what the task needs beside the network, from training images, on a device."""

    def store(self) -> None:  # noqa: B027
        """Keep that in the run."""

    def copies(self, images: ImageSet) -> Tensor | None:
        """Images (N, C, H, W) uint8 as they would be drawn by the best network; None if as they are."""
        return None

    @abstractmethod
    def examples(self, images: ImageSet) -> Tensor:
        """What noise is added to, for each of some images: themselves (N, C, H, W) uint8, or codes (N, d)."""

    @abstractmethod
    def draw(
        self,
        model: HybridNetwork,
        sample: SampleSection | None = None,
        indices: Sequence[int] | None = None,
        on_progress: OnProgress = lambda done: None,
    ) -> Tensor:
        """Draw images.

        Args:
            model: the network.
            sample: how; by default the config's own section.
            indices: which images of the seed; by default the first ``sample.num``.
            on_progress: called with the number of images drawn so far, where one that is half denoised counts
                a half.

        Returns:
            (N, C, H, W) float32 in [-1, 1], on the CPU.
        """

    @abstractmethod
    def steps(self, sample: SampleSection) -> int:
        """Denoising steps of each image."""

    @abstractmethod
    def evaluations(self, sample: SampleSection) -> int:
        """How often drawing calls the network for a batch of images; guidance doubles the batch instead."""

    @abstractmethod
    def _build(self, backend: Backend) -> HybridNetwork:
        """The network with weights from torch's random numbers."""

    def network(self, noise_seed: int | None = None) -> HybridNetwork:
        """The network with its initial weights, which `config.seed` determines.

        Args:
            noise_seed: of the backend's noise where `backend.seed` gives none; by default `config.seed`.

        Raises:
            UserError: if the model's options do not fit each other or the images.
        """
        torch.manual_seed(self.config.seed)
        options = self.config.backend
        if options.seed is None:
            seed = self.config.seed if noise_seed is None else noise_seed
            options = options.model_copy(update={"seed": seed})
        return self._build(make_backend(options))
