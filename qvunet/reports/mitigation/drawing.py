"""The same images drawn exactly and on a recorded device, one way of mitigation a time."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, cast

from pydantic import PositiveInt
from torch import Tensor

from backends import make_backend
from backends.ibm.backend import IbmRuntimeBackend
from backends.options import Lowering
from backends.records.journal import Journal
from qvunet.config import Config
from qvunet.costs.hardware import sampling_passes
from qvunet.models.network import HybridNetwork
from qvunet.reports.mitigation.methods import METHODS
from qvunet.reports.shots.images import strip
from qvunet.reports.shots.measurement import Bench, Measurement
from qvunet.reports.shots.networks import TrainedNetwork
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import Task, make_task
from qvunet.tools.pixels import to_uint8
from qvunet.tools.progress import ProgressReporter

NO_LIMIT = 1e9
"""QPU seconds; a rehearsal charges none."""


class MitigatedImages(Measurement):
    """How far images are from exact ones of the same noise."""

    kind: ClassVar[str] = "mitigation"
    network: TrainedNetwork
    device: str
    """A recorded one."""
    method: str
    """One of `METHODS`."""
    shots: PositiveInt
    steps: PositiveInt
    fine_steps: PositiveInt
    """Steps of the exact images that all are compared with in the end."""
    num: PositiveInt
    """Images."""
    sampler: Literal["heun", "ddim", "dpmpp"]
    lowering: Lowering
    idling: bool
    pictures: PositiveInt = 10
    """Of the images, those that are kept to be looked at."""

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.method}, {self.shots} shots, {self.steps} steps"

    def measure(self, bench: Bench) -> dict[str, Any]:
        """Draw; jobs that an interrupted measurement has done are taken from its journal."""
        model, config = self.network.load(bench.device)
        exact = {
            steps: self._task(config, steps).draw(model)
            for steps in dict.fromkeys((self.steps, self.fine_steps))
        }
        task, backend = self._task(config, self.steps), self._backend()
        model.set_backend(backend)
        cost = backend.cost(sampling_passes(model, task))
        images = self._drawn(model, task, backend, bench)
        return {
            "distances": distances(images, exact[self.steps]),
            "from_fine": distances(images, exact[self.fine_steps]),
            "exact_from_fine": distances(exact[self.steps], exact[self.fine_steps]),
            "qpu_seconds": cost.qpu_seconds,
            "jobs": cost.jobs,
            "executions": cost.executions,
            "strip": strip(to_uint8(images[: self.pictures])),
            "exact_strip": strip(to_uint8(exact[self.steps][: self.pictures])),
        }

    def _drawn(self, model: HybridNetwork, task: Task, backend: IbmRuntimeBackend, bench: Bench) -> Tensor:
        journal = Journal(bench.workspace / "jobs")
        with backend.recording(journal), ProgressReporter(self.title, self.num, "images") as reporter:
            return task.draw(model, on_progress=reporter.update)

    def _task(self, config: Config, steps: int) -> Task:
        """All images are one batch, and so the rows of one job."""
        changed = {
            "sampler": self.sampler,
            "steps": steps,
            "num": self.num,
            "seed": self.seed,
            "batch_size": self.num,
        }
        sample = config.sample.model_copy(update=changed)
        return make_task(config.model_copy(update={"sample": sample}), RunDirectory(self.network.path))

    def _backend(self) -> IbmRuntimeBackend:
        made = make_backend(
            "ibm_runtime",
            backend_name=self.device,
            shots=self.shots,
            lowering=self.lowering,
            idling=self.idling,
            max_qpu_seconds=NO_LIMIT,
            seed=self.seed,
            **METHODS[self.method].options,
        )
        return cast(IbmRuntimeBackend, made)


def distances(images: Tensor, others: Tensor) -> list[float]:
    """Root mean square difference of each image to its like, pixels in [-1, 1]; both (N, C, H, W)."""
    return (images - others).double().square().flatten(1).mean(1).sqrt().tolist()
