"""Denoising codes of images with a network of circuits, and decoding what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from backends import Backend
from backends.errors import UserError
from qvunet.ansatz.keeping import Record, find_ansatz
from qvunet.config import Config
from qvunet.config.options import LatentSection, SampleSection
from qvunet.data import ImageSet
from qvunet.latent.autoencoder import LatentAutoencoder
from qvunet.latent.denoiser import LatentDenoiser
from qvunet.latent.fitting import BATCH, encode_images, fitted_autoencoder
from qvunet.latent.objective import SigmaObjective
from qvunet.latent.sampling import draw_codes, num_evaluations, num_steps
from qvunet.models.network import HybridNetwork
from qvunet.tasks.base import OnProgress, Task
from qvunet.tools.files import replacing
from qvunet.tools.pixels import to_uint8


class CodeTask(Task):
    """``model.kind: latent``.

    Args:
        config: resolved config.
        directory: of the autoencoder in the run; None where nothing is decoded.
        circuit: as in `Task`.
    """

    def __init__(self, config: Config, directory: Path | None, circuit: Record | None = None) -> None:
        super().__init__(config, circuit)
        self.options = cast(LatentSection, config.model)
        self._directory = directory
        self._autoencoder: LatentAutoencoder | None = None

    @cached_property
    def objective(self) -> SigmaObjective:
        """With the config's distribution of noise levels."""
        return SigmaObjective(self.options.sigma_mean, self.options.sigma_std)

    def prepare(self, images: ImageSet, device: torch.device) -> None:
        """Train the autoencoder, or find it in the run or in the cache."""
        if self._directory is None or not self._directory.is_dir():
            self._autoencoder = fitted_autoencoder(images, self._code_size, self.options.autoencoder, device)

    def store(self) -> None:
        """Keep the autoencoder in the run, so that it draws wherever it is taken."""
        if self._directory is not None and self._autoencoder is not None and not self._directory.is_dir():
            with replacing(self._directory) as temporary:
                self._autoencoder.save_pretrained(temporary)

    def examples(self, images: ImageSet) -> Tensor:
        """Codes."""
        return encode_images(self.autoencoder, images.images)

    def copies(self, images: ImageSet) -> Tensor:
        """As the autoencoder returns them."""
        with torch.inference_mode():
            codes = self.examples(images).split(BATCH)
            return torch.cat([to_uint8(self.autoencoder.decode(batch)) for batch in codes])

    def draw(
        self,
        model: HybridNetwork,
        sample: SampleSection | None = None,
        indices: Sequence[int] | None = None,
        on_progress: OnProgress = lambda done: None,
    ) -> Tensor:
        """Draw images; see `Task.draw`."""
        options = sample or self.config.sample
        indices = range(options.num) if indices is None else indices
        device = next(model.parameters()).device
        decoder = self.autoencoder.to(device)
        with torch.inference_mode():
            codes = draw_codes(cast(LatentDenoiser, model), options, indices, on_progress)
            return torch.cat([decoder.decode(batch).clamp(-1.0, 1.0).float().cpu() for batch in codes])

    def steps(self, sample: SampleSection) -> int:
        """Denoising steps of each image."""
        return num_steps(sample)

    def evaluations(self, sample: SampleSection) -> int:
        """Two a step by Heun's method, else one."""
        return num_evaluations(sample)

    @property
    def autoencoder(self) -> LatentAutoencoder:
        """The run's.

        Raises:
            UserError: if it is missing or damaged.
        """
        if self._autoencoder is None:
            if self._directory is None or not self._directory.is_dir():
                raise UserError(f"{self._directory}: missing; it holds the autoencoder of a latent run")
            try:
                self._autoencoder = LatentAutoencoder.from_pretrained(self._directory).eval()
            except Exception as error:
                raise UserError(
                    f"{self._directory}: damaged ({error}); the run cannot be drawn from"
                ) from None
        return self._autoencoder

    @property
    def _code_size(self) -> int:
        ansatz = find_ansatz(self.options.ansatz, self.options.num_layers, self.circuit)
        return self.options.num_circuits * len(ansatz.inputs)

    def _build(self, backend: Backend) -> LatentDenoiser:
        options = self.options.model_dump(exclude={"kind", "autoencoder", "sigma_mean", "sigma_std"})
        return LatentDenoiser(**options, circuit=self.circuit, backend=backend)
