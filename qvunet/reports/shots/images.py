"""Images of a trained network at every number of shots: their quality, and what becomes of the same seeds."""

from __future__ import annotations

import base64
import io
from dataclasses import asdict
from typing import Any, ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image
from torchvision.utils import make_grid

from qvunet.config import Config
from qvunet.config.options import EvaluateSection
from qvunet.data import load_data
from qvunet.evaluation import (
    choose_reference,
    count_stored_samples,
    draw_stored_samples,
    half_sample_estimate,
    make_feature_network,
    require_enough_images,
)
from qvunet.evaluation import kernel_inception_distance as kid
from qvunet.models.network import HybridNetwork
from qvunet.reports.shots.executors import Executor
from qvunet.reports.shots.measurement import Bench, Measurement
from qvunet.reports.shots.networks import TrainedNetwork
from qvunet.tasks import make_task
from qvunet.tools.progress import ProgressReporter

BATCH_SIZE = 32
"""Images drawn, and kept, at a time."""

GAP = 96
"""Grey value between the pictures of a strip."""


class Images(Measurement):
    """KID against held-out images at every number of shots, and the distance to exact images."""

    kind: ClassVar[str] = "images"
    network: TrainedNetwork
    executor: Executor = Executor()
    shots: tuple[PositiveInt, ...]
    num: PositiveInt
    """Images at each number of shots, and held-out images."""
    pictures: PositiveInt = 10
    """Of them, those that are kept to be looked at."""
    sampler: Literal["ddpm", "ddim", "dpmpp"] = "dpmpp"
    steps: PositiveInt = 20
    features: Literal["classifier", "inception"] = "classifier"
    classifier_steps: PositiveInt = 500
    """Training steps of the classifier."""
    resamples: PositiveInt = 400
    """Random halves behind each interval."""

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.network.label}, {self.executor.label}"

    def measure(self, bench: Bench) -> dict[str, Any]:
        """Draw the images, but for those that the workspace has, and compare them."""
        model, config = self.network.load(bench.device)
        config = self._drawing(config)
        require_enough_images(config.evaluate, self.num)
        dataset = load_data(config.data)
        reference = choose_reference(dataset, self.num, self.seed)
        network = make_feature_network(config.evaluate, dataset, reference)

        def see(images: Tensor) -> Tensor:
            return network.see(images, bench.device).values.double()

        drawn = {shots: self._draw(model, config, shots, bench) for shots in (None, *self.shots)}
        real = see(reference.heldout.images)
        features = {shots: see(images) for shots, images in drawn.items()}
        return {
            "points": [
                {
                    "shots": shots,
                    "kid": asdict(kid(real, features[shots], resamples=self.resamples, seed=self.seed)),
                    "difference": self._difference(real, features[shots], features[None]),
                    "pixel_rmse": pixel_rmse(images, drawn[None]),
                    "strip": strip(images[: self.pictures]),
                }
                for shots, images in drawn.items()
            ],
            "floor": kid.value(real, see(reference.floor.images)),
            "features": {"name": network.name, "accuracy": network.facts.get("accuracy")},
        }

    def _drawing(self, config: Config) -> Config:
        sample = {"sampler": self.sampler, "steps": self.steps, "num": self.num, "seed": self.seed}
        evaluate = EvaluateSection(
            features=self.features, classifier_steps=self.classifier_steps, metrics=("kid",)
        )
        changed = config.sample.model_copy(update=sample | {"batch_size": BATCH_SIZE})
        return config.model_copy(update={"sample": changed, "evaluate": evaluate})

    def _draw(self, model: HybridNetwork, config: Config, shots: int | None, bench: Bench) -> Tensor:
        """(num, C, H, W) uint8."""
        model.set_backend(self.executor.make(shots, seed=self.seed))
        name = "exact" if shots is None else f"{shots} shots"
        directory = bench.workspace / name.replace(" ", "_")
        stored = count_stored_samples(config, directory)
        with ProgressReporter(f"sampling, {name}", self.num, "images", done=stored) as reporter:
            return draw_stored_samples(model, make_task(config), directory, reporter.update)

    def _difference(self, real: Tensor, measured: Tensor, exact: Tensor) -> dict[str, float]:
        """KID minus that of exact circuits; images of a seed stay together, so much of the noise cancels."""

        def statistic(real: Tensor, pairs: Tensor) -> float:
            first, second = pairs.chunk(2, dim=1)
            return kid.statistic(real, first) - kid.statistic(real, second)

        sets = (real, torch.cat([measured, exact], dim=1))
        return asdict(half_sample_estimate(statistic, sets, resamples=self.resamples, seed=self.seed))


def pixel_rmse(images: Tensor, others: Tensor) -> float:
    """Root mean square difference of two sets of uint8 images, on the scale of [-1, 1]."""
    return float((images.float() - others.float()).square().mean().sqrt()) / 127.5


def strip(images: Tensor) -> str:
    """A row of uint8 images as a PNG in base64."""
    file = io.BytesIO()
    to_pil_image(make_grid(images, nrow=len(images), padding=1, pad_value=GAP)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
