"""What one training step and one sampling step ask of each backend: circuits, shots, jobs, QPU time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from pydantic import TypeAdapter

from backends import BACKEND_NAMES, make_backend
from backends.circuits.observables import num_bases
from backends.circuits.program import Ansatz
from backends.devices.tiling.tiles import tiled_rows
from backends.gradients.shifts import grouped_executions, separate_executions
from backends.options import AnyBackendOptions, BackendOptions
from qvunet.config import Config

if TYPE_CHECKING:
    from backends.aer.shots import AerShotsBackend
    from backends.ibm.backend import IbmRuntimeBackend
    from backends.ibm.budget import Cost

MEASURED_GRADIENTS = ("param_shift", "spsa", "surrogate")
"""Gradients of backends that measure; the exact engine has its own."""

Rows = list[tuple[Ansatz, int]]
"""Each circuit layer's ansatz and the parameter sets that it evaluates."""


@dataclass(frozen=True)
class Demand:
    """What one step asks of a backend.

    Attributes:
        backend: its name.
        gradient: of the step, or of the backend's options if the step has none.
        is_default: whether that is the gradient that the options give.
        forward: circuits whose values are asked for, each with parameters of its own.
        backward: further circuits, for the gradient.
        shots: of each circuit; None where values are exact.
        executions: circuits times shots; fewer with tiles, and on hardware more by all that is added. None
            where values are exact.
        jobs: submitted; None if the circuits run here.
        qpu_seconds: of them, estimated; None if the circuits run here.
    """

    backend: str
    gradient: str
    is_default: bool
    forward: int
    backward: int
    shots: int | None = None
    executions: int | None = None
    jobs: int | None = None
    qpu_seconds: float | None = None


def training_demands(config: Config, rows: Rows) -> list[Demand]:
    """What a training step asks of every backend, by every gradient, the backend's own first.

    Args:
        config: its backend with its options; the others have their defaults.
        rows: of the step's batch.
    """
    demands = []
    for name in _names(config):
        options = backend_options(config, name)
        own = own_gradient(options)
        others = [] if _is_exact_engine(options) else [g for g in MEASURED_GRADIENTS if g != own]
        demands += [_demand(options, gradient, rows, backward=True) for gradient in (own, *others)]
    return demands


def sampling_demands(config: Config, rows: Rows) -> list[Demand]:
    """What one denoising step of a batch asks of every backend; see `training_demands`."""
    every = [backend_options(config, name) for name in _names(config)]
    return [_demand(options, own_gradient(options), rows, backward=False) for options in every]


def stock_demand(config: Config, rows: Rows) -> Demand:
    """What a training step would ask by the `EstimatorQNN` of qiskit-machine-learning, shots as `aer_shots`.

    It measures each observable of each row and of each shift by itself.
    """
    shots = _shots(backend_options(config, "aer_shots")) or 0
    forward = sum(len(ansatz.observables) * number for ansatz, number in rows)
    backward = sum(separate_executions(ansatz) * number for ansatz, number in rows)
    executions = (forward + backward) * shots
    return Demand("stock EstimatorQNN", "param_shift", False, forward, backward, shots, executions)


def backend_options(config: Config, name: str) -> BackendOptions:
    """The config's options of a backend if it names that one, else the defaults."""
    if config.backend.name == name:
        return config.backend
    return TypeAdapter(AnyBackendOptions).validate_python({"name": name})


def _names(config: Config) -> list[str]:
    """The backends that have defaults, and the config's own: `estimator` is nothing without its options."""
    return [name for name in BACKEND_NAMES if name != "estimator" or name == config.backend.name]


def own_gradient(options: BackendOptions) -> str:
    """The gradient that the options give or imply."""
    return options.gradient or ("adjoint" if _shots(options) is None else "param_shift")


def _demand(options: BackendOptions, gradient: str, rows: Rows, *, backward: bool) -> Demand:
    name, is_default, shots = options.name, gradient == own_gradient(options), _shots(options)
    if _is_exact_engine(options):
        return Demand(name, gradient, is_default, 0, 0)
    further = []
    if backward:
        further = [(ansatz, number * _further_rows(options, gradient, ansatz)) for ansatz, number in rows]
    counts = _circuits(options, rows), _circuits(options, further)
    if name == "ibm_runtime":
        cost = _hardware_cost(options, gradient, rows, backward)
        figures = Demand(name, gradient, is_default, *counts, shots, cost.executions)
        return replace(figures, jobs=cost.jobs, qpu_seconds=cost.qpu_seconds)
    if shots is None:
        return Demand(name, gradient, is_default, *counts)
    tiled = [(ansatz, tiled_rows(number, _tiles(options, ansatz))) for ansatz, number in (*rows, *further)]
    runs = _circuits(options, tiled)
    return Demand(name, gradient, is_default, *counts, shots, runs * shots)


def _circuits(options: BackendOptions, rows: Rows) -> int:
    """Circuits that rows take: where values are measured, one in each basis."""
    if _shots(options) is None:
        return sum(number for _, number in rows)
    return sum(number * num_bases(ansatz) for ansatz, number in rows)


def _further_rows(options: BackendOptions, gradient: str, ansatz: Ansatz) -> int:
    """Circuits that the gradient of one row takes."""
    if gradient == "param_shift":
        return grouped_executions(ansatz)
    return 2 * options.spsa_directions if gradient == "spsa" else 0


def _tiles(options: BackendOptions, ansatz: Ansatz) -> int:
    """Rows that one execution on a simulator serves; the calibration says it where the options do not."""
    tiles = getattr(options, "tiles", 1)
    if isinstance(tiles, int):
        return tiles
    return cast("AerShotsBackend", make_backend(options)).tiling_penalty(ansatz).tiles


def _hardware_cost(options: BackendOptions, gradient: str, rows: Rows, backward: bool) -> Cost:
    from backends.ibm.backend import Pass

    backend = cast("IbmRuntimeBackend", make_backend(options))
    return backend.cost([Pass(ansatz, number, backward) for ansatz, number in rows], gradient)


def _is_exact_engine(options: BackendOptions) -> bool:
    return options.name == "statevector" and _shots(options) is None


def _shots(options: BackendOptions) -> int | None:
    return getattr(options, "shots", None)
