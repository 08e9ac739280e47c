"""A command's jobs on hardware: their journal, what they cost, and the user's consent to them."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
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
    from backends.vendors.backend import VendorBackend

_NO_MATTER = {"max_qpu_seconds", "max_executions", "timeout", "threads", "mode", "account", "instance"}
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
    """A command's jobs on IBM's devices.

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


@dataclass(frozen=True)
class VendorPlan:
    """A command's jobs on another vendor's estimator, which nobody but the vendor can price.

    Attributes:
        backend: where they go.
        journal: of the command, perhaps with jobs of an earlier attempt.
    """

    backend: VendorBackend
    journal: Journal


def sampling_plan(model: HybridNetwork, task: Task, jobs: Path, what: str) -> Plan | VendorPlan | None:
    """Plan the drawing of images.

    Args:
        model: the network.
        task: of the config.
        jobs: the run's directory of journals.
        what: tells this drawing from others of the run.

    Returns:
        None if the network's circuits, if any, run here.
    """
    return _plan(model, task.config, jobs, f"sample_{what}", lambda: sampling_passes(model, task))


def training_plan(model: HybridNetwork, task: Task, jobs: Path, first_step: int) -> Plan | VendorPlan | None:
    """Plan the training from a step on, with the grids drawn on the way; see `sampling_plan`."""
    return _plan(
        model, task.config, jobs, "train", lambda: _training_passes(model, task, first_step), first_step
    )


def _training_passes(model: HybridNetwork, task: Task, first_step: int) -> list[Pass]:
    options = task.config.train
    steps = range(first_step + 1, options.steps + 1)
    every = options.sample_every
    grids = sum(1 for step in steps if every and step % every == 0 and step < options.steps) + 1
    passes = step_passes(model, options.batch_size, backward=True) * len(steps)
    return passes + sampling_passes(model, task) * grids


def approve(plan: Plan | VendorPlan | None, consent: Consent) -> bool:
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
    if isinstance(plan, VendorPlan):
        for label, text in _vendor(plan):
            typer.echo(f"{label:<12} {text}")
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
def recording(plan: Plan | VendorPlan | None) -> Iterator[None]:
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


def _vendor(plan: VendorPlan) -> Iterator[tuple[str, str]]:
    """The same for a vendor's estimator."""
    limit, journal = plan.backend.settings.max_executions, plan.journal
    yield "estimator", f"{plan.backend.device_name}; what jobs cost, the vendor knows"
    yield "executions", "max_executions is not set" if limit is None else f"max_executions is {limit:,}"
    if journal.records:
        yield "done before", f"{journal.num_done:,} jobs; {journal.executions:,} executions spent"
    yield "journal", str(journal.directory)


def _device(plan: Plan, device: BackendV2) -> Iterator[tuple[str, str]]:
    """The same for what the device's calibration says."""
    yield "calibrated", calibrated_at(device) or "the device does not say when"
    if plan.backend.settings.tiles != 1:
        for name, ansatz in {each.ansatz.name: each.ansatz for each in plan.passes}.items():
            yield "tiles", f"{name}: {plan.backend.tiling_penalty(ansatz)}"


def _plan(
    model: HybridNetwork,
    config: Config,
    jobs: Path,
    name: str,
    passes: Callable[[], list[Pass]],
    first_step: int = 0,
) -> Plan | VendorPlan | None:
    found = _hardware(model)
    if found is None:
        return None
    from backends.records.journal import Journal

    # As JSON, because a factory's options may be whatever YAML knows, dates for instance.
    options = config.backend.model_dump(mode="json", exclude=_NO_MATTER)
    told_apart = [options, config.sample.model_dump(), name]
    digest = hashlib.sha256(json.dumps(told_apart).encode()).hexdigest()[:8]
    where = getattr(config.backend, "backend_name", config.backend.name)
    journal = Journal(jobs / f"{name}_{where}_{digest}")
    if found.name == "estimator":
        return VendorPlan(cast("VendorBackend", found), journal)
    backend = cast("IbmRuntimeBackend", found)
    backend.recall(journal)
    return Plan(backend, passes(), journal, first_step)


def _hardware(model: HybridNetwork) -> Backend | None:
    """The backend of the network's circuits if that submits jobs; importing it takes seconds."""
    backends = [layer.backend for layer in model.circuit_layers().values()]
    return backends[0] if backends and backends[0].name in ("ibm_runtime", "estimator") else None


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
