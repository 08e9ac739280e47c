"""From a config to its task."""

from __future__ import annotations

from qvunet.config import Config
from qvunet.runs.circuit import kept_circuit
from qvunet.runs.directory import RunDirectory
from qvunet.tasks.base import Task
from qvunet.tasks.codes import CodeTask
from qvunet.tasks.pixels import PixelTask


def make_task(config: Config, run: RunDirectory | None = None, compare: bool = True) -> Task:
    """The task of a config.

    Args:
        config: resolved config.
        run: where what belongs to the task, beside the network, is kept or found.
        compare: call the function that the config may name for its circuit, to compare what the run keeps.

    Raises:
        UserError: if the circuit that the run keeps is damaged.
    """
    circuit = None if run is None else kept_circuit(config, run, compare)
    if config.model.kind == "latent":
        return CodeTask(config, None if run is None else run.autoencoder, circuit)
    return PixelTask(config, circuit)
