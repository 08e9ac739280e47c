"""A price list: what a network's work costs on hardware at several settings, before anything is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from backends import make_backend
from backends.errors import UserError
from backends.ibm.backend import IbmRuntimeBackend, Pass
from backends.ibm.budget import Cost
from qvunet.config import Config
from qvunet.costs.executions import MEASURED_GRADIENTS
from qvunet.costs.hardware import sampling_passes, step_passes
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task

Tiles = int | Literal["auto"]


@dataclass(frozen=True)
class Price:
    """The cost of one piece of work.

    Attributes:
        work: ``forward``, ``gradient NAME`` (a training step, forward and backward) or ``images K steps``.
        images: how many share the cost.
        shots: of each circuit.
        tiles: copies of a circuit on the chip, as asked for.
        cost: in jobs, circuits, executions, and so in QPU seconds.
    """

    work: str
    images: int
    shots: int
    tiles: Tiles
    cost: Cost


def price_list(
    config: Config,
    shots: Sequence[int],
    tiles: Sequence[Tiles],
    steps: Sequence[int],
    run: RunDirectory | None = None,
) -> list[Price]:
    """Price the work of a network on hardware.

    Args:
        config: with backend ``ibm_runtime``; `train.batch_size` and `sample.num` say how many images.
        shots: of each circuit, to be compared.
        tiles: to be compared; ``auto`` needs a device with a calibration.
        steps: of the sampler, to be compared.
        run: whose network it is, if it is a run's.

    Returns:
        The same work at every pair of shots and tiles.

    Raises:
        UserError: if the network has no circuits, or a value is not allowed; or as `make_backend`.
    """
    work = list(_work(config, steps, run))
    prices = []
    for number in shots:
        for copies in tiles:
            backend = _backend(config, number, copies)
            prices += [
                Price(name, images, number, copies, backend.cost(passes, gradient))
                for name, images, passes, gradient in work
            ]
    return prices


def _work(
    config: Config, steps: Sequence[int], run: RunDirectory | None
) -> Iterator[tuple[str, int, list[Pass], str | None]]:
    """Name, images, evaluations of circuit layers and gradient of each piece of work."""
    model = make_task(config, run).network()
    if not model.circuit_layers():
        raise UserError("model.ansatz: this network has no circuits, so nothing of it runs on hardware")
    batch, images = config.train.batch_size, config.sample.num
    yield "forward", batch, step_passes(model, batch), None
    for gradient in MEASURED_GRADIENTS:
        yield f"gradient {gradient}", batch, step_passes(model, batch, backward=True), gradient
    for number in steps:
        limit = config.diffusion.num_train_timesteps
        if not 0 < number <= limit:
            raise UserError(f"steps = {number}: from 1 to diffusion.num_train_timesteps, which is {limit}")
        sample = config.sample.model_copy(update={"steps": number})
        passes = sampling_passes(model, make_task(config.model_copy(update={"sample": sample})))
        yield f"images {number} steps", images, passes, None


def _backend(config: Config, shots: int, tiles: Tiles) -> IbmRuntimeBackend:
    options = {**config.backend.model_dump(), "shots": shots, "tiles": tiles}
    return cast(IbmRuntimeBackend, make_backend(**options))
