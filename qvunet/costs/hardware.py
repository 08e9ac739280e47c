"""What a command's jobs on hardware cost, and the user's consent to them."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer
from qiskit.providers import BackendV2

from backends import Backend
from backends.devices.calibration import calibrated_at
from backends.errors import UserError
from qvunet.config import Config
from qvunet.costs.tracing import trace
from qvunet.diffusion.conditioning import is_guided
from qvunet.models.network import HybridNetwork
from qvunet.tasks import Task

if TYPE_CHECKING:
    from backends.ibm.backend import IbmRuntimeBackend, Pass
    from backends.records.journal import Journal

_NO_MATTER = {"max_qpu_seconds", "timeout", "threads", "mode", "account", "instance"}
"""Options that may differ when a command is run again and is still to find its jobs."""


@dataclass(frozen=True)
class Consent:
    """What the user said on the command line.

    Attributes:
        yes: jobs may be submitted without a question.
        dry_run: stop when the estimate has been shown.
    """

    yes: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Plan:
    """A command's jobs.

    Attributes:
        backend: where they go.
        passes: every evaluation of a circuit layer, from `first_step` on.
        journal: of the command, perhaps with jobs of an earlier attempt.
        first_step: where the command goes on.
    """

    backend: IbmRuntimeBackend
    passes: list[Pass]
    journal: Journal
    first_step: int = 0


def sampling_plan(model: HybridNetwork, task: Task, jobs: Path, what: str) -> Plan | None:
    """Plan the drawing of images.

    Args:
        model: the network.
        task: of the config.
        jobs: the run's directory of journals.
        what: tells this drawing from others of the run.

    Returns:
        None if the network's circuits, if any, run here.
    """
    if _hardware(model) is None:
        return None
    return _plan(model, task.config, jobs, f"sample_{what}", sampling_passes(model, task))


def training_plan(model: HybridNetwork, task: Task, jobs: Path, first_step: int) -> Plan | None:
    """Plan the training from a step on, with the grids drawn on the way; see `sampling_plan`."""
    if _hardware(model) is None:
        return None
    options = task.config.train
    steps = range(first_step + 1, options.steps + 1)
    every = options.sample_every
    grids = sum(1 for step in steps if every and step % every == 0 and step < options.steps) + 1
    passes = step_passes(model, options.batch_size, backward=True) * len(steps)
    passes += sampling_passes(model, task) * grids
    return _plan(model, task.config, jobs, "train", passes, first_step)


def approve(plan: Plan | None, consent: Consent) -> bool:
    """Show what jobs will cost and get the user's leave.

    Args:
        plan: None if nothing is to be submitted, which needs no leave.
        consent: what the user has said already.

    Returns:
        Whether the command shall go on.

    Raises:
        UserError: if the budget is too small, device or account is not there, or nobody can be asked.
        ExecutionError: if the service cannot be reached.
    """
    if plan is None:
        if consent.dry_run:
            typer.echo("nothing is submitted anywhere: the circuits run on this machine")
        return not consent.dry_run
    cost = plan.backend.cost(plan.passes)
    for label, text in _estimate(plan):
        typer.echo(f"{label:<12} {text}")
    plan.backend.require_budget(cost, plan.journal, plan.first_step)
    if consent.dry_run and not plan.backend.is_rehearsal:
        return False  # an estimate is to be had without an account
    device = plan.backend.connect(plan.backend.num_qubits(plan.passes), plan.journal)
    for label, text in _device(plan, device):
        typer.echo(f"{label:<12} {text}")
    if consent.dry_run or consent.yes:
        return consent.yes and not consent.dry_run
    if not sys.stdin.isatty():
        raise UserError(f"--yes: needed to submit jobs to {device.name} where nobody can be asked")
    return typer.confirm(f"Submit these jobs to {device.name}?")


@contextmanager
def recording(plan: Plan | None) -> Iterator[None]:
    """Keep a journal of the jobs that are submitted in this context; without a plan, do nothing.

    Raises:
        UserError: if another process runs the same command.
    """
    if plan is None:
        yield
        return
    with plan.backend.recording(plan.journal):
        yield


def _estimate(plan: Plan) -> Iterator[tuple[str, str]]:
    """Label and text of every figure worth seeing before jobs are submitted."""
    settings, journal = plan.backend.settings, plan.journal
    cost = plan.backend.cost(plan.passes)
    rehearsal = " (rehearsal on this machine, nothing is charged)" if plan.backend.is_rehearsal else ""
    yield "device", f"{settings.backend_name}{rehearsal}, mode {settings.mode}"
    yield "circuits", f"{cost.circuits:,} of {settings.shots:,} shots, in {cost.jobs:,} jobs"
    yield "executions", f"{cost.executions:,}, with twirling, calibration and mitigation"
    yield "QPU time", f"about {cost.qpu_seconds:,.0f} s; max_qpu_seconds is {settings.max_qpu_seconds:g}"
    if any(each.backward for each in plan.passes):
        shifted = plan.backend.cost(plan.passes, "param_shift")
        yield "gradient", f"{settings.gradient}; param_shift would take about {shifted.qpu_seconds:,.0f} s"
    if journal.records:
        yield "done before", f"{journal.num_done:,} jobs; {journal.spent:,.0f} s of QPU time spent"
    yield "journal", str(journal.directory)


def _device(plan: Plan, device: BackendV2) -> Iterator[tuple[str, str]]:
    """The same for what the device's calibration says."""
    yield "calibrated", calibrated_at(device) or "the device does not say when"
    if plan.backend.settings.tiles != 1:
        for name, ansatz in {each.ansatz.name: each.ansatz for each in plan.passes}.items():
            yield "tiles", f"{name}: {plan.backend.tiling_penalty(ansatz)}"


def _plan(
    model: HybridNetwork, config: Config, jobs: Path, name: str, passes: list[Pass], first_step: int = 0
) -> Plan:
    from backends.records.journal import Journal

    backend = cast("IbmRuntimeBackend", _hardware(model))
    told_apart = [config.backend.model_dump(exclude=_NO_MATTER), config.sample.model_dump(), name]
    digest = hashlib.sha256(json.dumps(told_apart).encode()).hexdigest()[:8]
    journal = Journal(jobs / f"{name}_{backend.settings.backend_name}_{digest}")
    backend.recall(journal)
    return Plan(backend, passes, journal, first_step)


def _hardware(model: HybridNetwork) -> Backend | None:
    """The backend of the network's circuits if that submits jobs; importing it takes seconds."""
    backends = [layer.backend for layer in model.circuit_layers().values()]
    return backends[0] if backends and backends[0].name == "ibm_runtime" else None


def sampling_passes(model: HybridNetwork, task: Task) -> list[Pass]:
    """What the drawing of a config's images asks of the network's circuits."""
    sample = task.config.sample
    full, rest = divmod(sample.num, sample.batch_size)
    sizes = [sample.batch_size] * full + [rest] * bool(rest)
    each_image = 2 if is_guided(sample) else 1
    calls = task.evaluations(sample)
    return [each for size in sizes for each in step_passes(model, each_image * size) * calls]


def step_passes(model: HybridNetwork, batch_size: int, backward: bool = False) -> list[Pass]:
    """What one evaluation of the network asks of its circuits."""
    from backends.ibm.backend import Pass

    layers = model.circuit_layers()
    rows = trace(model).rows
    return [Pass(layers[name].ansatz, rows[name] * batch_size, backward) for name in rows]
