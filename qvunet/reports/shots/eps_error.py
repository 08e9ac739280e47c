"""How far the noise that a network predicts is from what it predicts with exact circuits."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from qvunet.diffusion.process import make_noise_scheduler
from qvunet.reports.shots.executors import Executor
from qvunet.reports.shots.measurement import Bench, Measurement
from qvunet.reports.shots.networks import Loaded, Network
from qvunet.reports.shots.statistics import error_statistics


class EpsError(Measurement):
    """Root mean square error of the predicted noise eps, whose own values are of order 1."""

    kind: ClassVar[str] = "eps_error"
    network: Network
    executor: Executor
    shots: tuple[PositiveInt, ...]
    times: tuple[Annotated[float, Field(ge=0, lt=1)], ...]
    """Timesteps, as fractions of the process."""
    images: PositiveInt
    """Held-out images that are noised."""
    repeats: Annotated[int, Field(ge=2)]
    """Independent predictions for every image."""

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.network.label}, {self.executor.label}"

    def measure(self, bench: Bench) -> dict[str, Any]:
        """Measure; see `Measurement.measure`."""
        loaded = self.network.load(bench.device)
        images = loaded.images(self.images).to(bench.device)
        return {"points": [p for time in self.times for p in self._points(loaded, images, time)]}

    @torch.inference_mode()
    def _points(self, loaded: Loaded, images: Tensor, time: float) -> list[dict[str, float]]:
        """All shot counts at one timestep."""
        model, diffusion = loaded.model, loaded.config.diffusion
        timestep = torch.full((len(images),), int(time * diffusion.num_train_timesteps))
        noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(self.seed))
        noise, timestep = noise.to(images), timestep.to(images.device)
        noisy = make_noise_scheduler(diffusion).add_noise(images, noise, timestep)
        model.set_backend(self.executor.make(None))
        exact = model(noisy, timestep).sample
        about = {
            "timestep": int(timestep[0]),
            "exact_rms": float(exact.square().mean().sqrt()),
            "own_error": float((exact - noise).square().mean().sqrt()),
        }
        points = []
        for shots in self.shots:
            model.set_backend(self.executor.make(shots, seed=self.seed))
            repeated = noisy.repeat(self.repeats, 1, 1, 1)
            eps = model(repeated, timestep.repeat(self.repeats)).sample.unflatten(0, (self.repeats, -1))
            errors = (eps - exact).double().cpu()
            points.append({"shots": shots, **about, **error_statistics(errors)})
        return points
