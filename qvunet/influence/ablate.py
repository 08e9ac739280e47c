"""`qvunet ablate`: take a trained run's circuits away in several ways, and say what that changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from torch import Tensor

from backends.errors import UserError
from qvunet.config import Config
from qvunet.data import ImageSet, load_data
from qvunet.influence import shares as share
from qvunet.influence.ablations import (
    BESIDE,
    CIRCUITS,
    KINDS,
    VERTEX,
    Ablation,
    ablated,
    all_ablations,
    mean_outputs,
)
from qvunet.influence.change import percent
from qvunet.influence.pages import write_pages
from qvunet.influence.probe import OnProgress, Prediction, Probe
from qvunet.influence.result import Finding
from qvunet.influence.shares import Shares, measure_shares
from qvunet.influence.verdict import verdict
from qvunet.models.network import HybridNetwork
from qvunet.runs.checkpoint import latest_checkpoint, load_tensors
from qvunet.runs.device import on_configured_device, on_cpu
from qvunet.runs.directory import RunDirectory
from qvunet.runs.environment import describe_environment
from qvunet.tasks import Task, make_task
from qvunet.tasks.trained import load_trained
from qvunet.tools.files import write_text
from qvunet.tools.progress import ProgressReporter
from qvunet.tools.workers import HERE, Workers, no_progress

DEFAULT_IMAGES = 100
"""Held-out images where no number is asked for, if there are so many."""
MIN_IMAGES = 10
"""Fewer say nothing about uncertainty."""


@dataclass(frozen=True)
class Influence:
    """What the circuits of a run do.

    Attributes:
        loss: on held-out images, with everything in place.
        findings: one for each ablation.
        verdict: in words.
        shares: of the circuits' weights; None where controls stand in their place.
        core: what stands between angles and expectations.
        num: held-out images.
        seed: of noise and levels.
        backend: that ran the circuits.
        checkpoint: of which the averaged weights were taken.
        title: for people.
        environment: versions, commit, platform.
        directory: where the files are.
    """

    loss: float
    findings: tuple[Finding, ...]
    verdict: str
    shares: Shares | None
    core: str
    num: int
    seed: int
    backend: str
    checkpoint: str
    title: str
    environment: dict[str, Any]
    directory: Path

    def as_dict(self) -> dict[str, Any]:
        """As in influence.json."""
        given = {"core", "num", "seed", "backend", "checkpoint", "title", "environment"}
        return {
            "baseline": {"loss": self.loss},
            "ablations": [finding.as_dict() for finding in self.findings],
            "verdict": self.verdict,
            "shares": None if self.shares is None else asdict(self.shares),
            **{key: getattr(self, key) for key in sorted(given)},
        }

    def lines(self) -> list[str]:
        """The findings about all circuits for a person."""
        rows = [
            f"{each.kind:<14} {each.where:<20} {percent(each.change.value):>12}   "
            f"{percent(each.change.low)} to {percent(each.change.high)}"
            for each in self.findings
            if each.where in (CIRCUITS, BESIDE, VERTEX)
        ]
        return [
            f"images       {self.num} held out, each at every noise level; loss {self.loss:.5f}",
            f"{'replaced by':<14} {'where':<20} {'loss':>12}   95 % interval",
            *rows,
            f"verdict      {self.verdict}",
            f"influence    {self.directory / 'influence.html'}",
        ]


def ablate(
    config: Config,
    run: RunDirectory,
    kinds: Sequence[str] = KINDS,
    num: int | None = None,
    seed: int = 0,
    out: Path | None = None,
    kid_images: int | None = None,
    workers: Workers = HERE,
) -> Influence:
    """Measure what the circuits of a run's newest averaged weights do.

    What is measured is kept piece by piece; when the same is asked again, only what is missing is measured.

    Args:
        config: the run's config, with what may change (`ABLATE_KEYS`) changed.
        run: with a checkpoint.
        kinds: what replaces the circuits' outputs, some of `KINDS`.
        num: of held-out images; by default `DEFAULT_IMAGES`, or all if there are fewer.
        seed: of noise and noise levels.
        out: directory of the files; by default one in the run.
        kid_images: also draw so many images with each kind, and compare KID; None draws none.
        workers: measure, an ablation at a time, and draw for KID.

    Raises:
        UserError: if a kind is unknown, the run has no checkpoint or its network no core, its circuits run on
            hardware, or too few images are held out.
    """
    checkpoint = latest_checkpoint(run.checkpoints)
    if config.model.ansatz is None:
        raise UserError(
            f"{run.path}: the network is classical; there are no circuits whose influence to measure"
        )
    if config.backend.name == "ibm_runtime":
        raise UserError(
            "backend: ablate runs on backends that simulate; statevector, aer_statevector or aer_shots"
        )
    out = out or run.path / "influence"
    if out.is_file():
        raise UserError(f"--out {out}: a file, not a directory")
    task = make_task(config, run)
    model = load_trained(task, checkpoint)
    ablations = all_ablations(model, kinds)
    images = load_data(config.data).holdout
    probe = Probe.of(task, images, _number_of_images(images, num), seed)
    pieces = out / f"pieces_{_digest(config, checkpoint, len(probe.clean), seed)}"
    session = _Session(model, task.config, probe, pieces, workers)
    loss, findings = session.run(ablations)
    shares = _shares(session, task, checkpoint) if model.circuit_layers() else None
    if kid_images is not None:
        from qvunet.influence.kid import with_kid_changes  # which imports the metrics

        findings = with_kid_changes(findings, model, task, session.means, kid_images, pieces, workers)
    influence = Influence(
        loss=loss,
        findings=tuple(findings),
        verdict=verdict(findings, config.model.core),
        shares=shares,
        core=config.model.core,
        num=len(probe.clean),
        seed=seed,
        backend=config.backend.name,
        checkpoint=checkpoint.name,
        title=run.path.name,
        environment=describe_environment(),
        directory=out,
    )
    write_text(out / "influence.json", json.dumps(influence.as_dict(), indent=2) + "\n")
    write_pages(influence.as_dict(), out)
    return influence


class _Session:
    """One network on one probe; what is done is kept in files."""

    def __init__(
        self, model: HybridNetwork, config: Config, probe: Probe, pieces: Path, workers: Workers
    ) -> None:
        self.model, self.config, self.probe = model, config, probe
        self.pieces, self.workers = pieces, workers
        self.means: dict[str, Tensor] = {}

    def run(self, ablations: Sequence[Ablation]) -> tuple[float, list[Finding]]:
        """The loss with everything in place, and what each ablation does to it."""
        files = {ablation: self.pieces / f"{ablation.name}.json" for ablation in ablations}
        found = {ablation: read_piece(file) for ablation, file in files.items() if file.exists()}
        missing = [ablation for ablation in ablations if ablation not in found]
        batches = self.probe.num_batches
        with ProgressReporter("ablations", batches * (len(ablations) + 1), "batches") as reporter:

            def from_batch(first: int) -> OnProgress:
                return lambda done: reporter.update(batches * first + done)

            with mean_outputs(self.model) as means:
                before = self.probe.predict(self.model, from_batch(0))
            self.means = means
            sent = self.model if self.workers.here else on_cpu(self.model)
            shared = (sent, self.config, self.probe, means, before)
            jobs = [
                (ablation, from_batch(number) if self.workers.here else no_progress)
                for number, ablation in enumerate(missing, start=1 + len(found))
            ]
            for (ablation, _), future in self.workers.run(_measure, jobs, shared=shared):
                found[ablation] = future.result()
                write_text(files[ablation], json.dumps(found[ablation].as_dict()) + "\n")
                reporter.update(batches * (len(found) + 1))
        return float(before.losses.mean()), [found[ablation] for ablation in ablations]


def _measure(
    model: HybridNetwork,
    config: Config,
    probe: Probe,
    means: dict[str, Tensor],
    before: Prediction,
    ablation: Ablation,
    on_batch: OnProgress,
) -> Finding:
    """What one ablation does."""
    prepared = on_configured_device(model, config)
    with ablated(prepared, ablation, means, seed=0):
        after = probe.predict(prepared, on_batch)
    return Finding.of(ablation, before, after, probe.edges)


def read_piece(file: Path) -> Finding:
    """Read a finding that an earlier call has kept.

    Raises:
        UserError: if the file is damaged.
    """
    try:
        return Finding.from_dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: damaged ({error}); delete it, and it is measured again") from None


def _shares(session: _Session, task: Task, checkpoint: Path) -> Shares:
    stored = session.pieces / "shares.json"
    if stored.exists():
        try:
            return Shares(**json.loads(stored.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{stored}: damaged ({error}); delete it, and it is measured again") from None
    initial = None
    if task.config.init_from is None:
        initial = {name: p.detach() for name, p in task.network().named_parameters()}
    trained = checkpoint / "model"
    if not trained.is_dir():
        trained = checkpoint / "ema"  # a named network's: all that came with it
    examples = len(session.probe.levels) * min(share.SHARE_IMAGES, len(session.probe.clean))
    with ProgressReporter("gradients", examples, "examples") as reporter:
        shares = measure_shares(session.model, session.probe, initial, load_tensors(trained), reporter.update)
    write_text(stored, json.dumps(asdict(shares)) + "\n")
    return shares


def _number_of_images(images: ImageSet, num: int | None) -> int:
    if num is None:
        num = min(DEFAULT_IMAGES, len(images))
    if not MIN_IMAGES <= num <= len(images):
        raise UserError(
            f"--num {num}: from {MIN_IMAGES} to the {len(images):,} images that are held out; data.holdout "
            "says "
            "how many those are"
        )
    return num


def _digest(config: Config, checkpoint: Path, num: int, seed: int) -> str:
    """Of all that a piece depends on."""
    digest = hashlib.sha256((checkpoint / "ema" / SAFETENSORS_WEIGHTS_NAME).read_bytes())
    digest.update(json.dumps([config.backend.model_dump(), num, seed]).encode())
    return digest.hexdigest()[:8]
