"""Denoising images with a U-Net, by DDPM's process."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from torch import Tensor

from backends import Backend
from qvunet.config.options import SampleSection
from qvunet.data import ImageSet
from qvunet.diffusion.objective import TimestepObjective
from qvunet.diffusion.sampling import draw_samples, sampling_timesteps
from qvunet.models.network import HybridNetwork
from qvunet.models.unet import QVUNet
from qvunet.tasks.base import OnProgress, Task


class PixelTask(Task):
    """``model.kind: unet``."""

    @cached_property
    def objective(self) -> TimestepObjective:
        """DDPM's, with the config's schedule and weights."""
        return TimestepObjective(self.config.diffusion)

    def examples(self, images: ImageSet) -> Tensor:
        """The images."""
        return images.images

    def draw(
        self,
        model: HybridNetwork,
        sample: SampleSection | None = None,
        indices: Sequence[int] | None = None,
        on_progress: OnProgress = lambda done: None,
    ) -> Tensor:
        """Draw images; see `Task.draw`."""
        options = sample or self.config.sample
        shape = self.config.image_shape
        return draw_samples(model, shape, options, self.config.diffusion, indices, on_progress)

    def steps(self, sample: SampleSection) -> int:
        """Denoising steps of each image."""
        return len(sampling_timesteps(sample, self.config.diffusion))

    def evaluations(self, sample: SampleSection) -> int:
        """One a step."""
        return self.steps(sample)

    def _build(self, backend: Backend) -> QVUNet:
        return QVUNet(
            **self.config.model.model_dump(exclude={"kind"}),
            sample_size=self.config.data.image_size,
            in_channels=self.config.data.channels,
            circuit=self.circuit,
            backend=backend,
        )
