"""What ablations do to the images that are drawn: the change of KID, image by image from the same noise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from qvunet.config.options import SampleSection
from qvunet.data import load_data
from qvunet.evaluation.evaluate import make_feature_network
from qvunet.evaluation.metrics import METRICS
from qvunet.evaluation.reference import choose_reference
from qvunet.influence.ablations import BESIDE, CIRCUITS, VERTEX, Ablation, ablated
from qvunet.influence.result import Finding
from qvunet.models.network import HybridNetwork
from qvunet.runs.device import on_configured_device, on_cpu, prepare_torch
from qvunet.tasks import Task
from qvunet.tasks.base import OnProgress
from qvunet.tools.files import write_text
from qvunet.tools.pixels import to_uint8
from qvunet.tools.progress import ProgressReporter
from qvunet.tools.workers import HERE, Workers, no_progress

WHOLE = "whole"
"""Name of the network as it is."""
DRAWN = (CIRCUITS, BESIDE, VERTEX)
"""Where ablations are worth drawing for."""


def with_kid_changes(
    findings: Sequence[Finding],
    model: HybridNetwork,
    task: Task,
    means: dict[str, Tensor],
    num: int,
    pieces: Path,
    workers: Workers = HERE,
) -> list[Finding]:
    """Add to findings about all circuits what their ablation does to KID.

    Args:
        findings: without it.
        model: the network.
        task: of the network; images are drawn as `evaluate` draws them.
        means: of `qvunet.influence.ablations.mean_outputs`.
        num: images of each kind, and held-out ones.
        pieces: where figures are kept.
        workers: draw, the images of one ablation at a time.

    Raises:
        UserError: if there are too few images, or no features for them.
    """
    options = task.config.evaluate
    dataset = load_data(task.config.data)
    reference = choose_reference(dataset, num, options.metric_seed)
    METRICS["kid"].require_enough(num, 1)
    network = make_feature_network(options, dataset, reference)
    drawing = task.config.sample.model_copy(
        update={
            **options.model_dump(include={"sampler", "steps", "seed", "batch_size"}),
            "num": num,
            "classes": None,
        }
    )
    device = prepare_torch(task.config)
    real = network.see(reference.heldout.images, device).values

    def kid(images: Tensor) -> float | None:
        blank = int(images.max()) - int(images.min()) < 2  # nothing is left, and features want pixels
        return None if blank else METRICS["kid"].value(real, network.see(images, device).values)

    ablations = {WHOLE: None} | {
        ablation.name: ablation
        for ablation in (Ablation(finding.kind, finding.where) for finding in findings)
        if ablation.where in DRAWN
    }
    files = {name: pieces / f"kid{num}_{name}.json" for name in ablations}
    kids = {name: _read(file) for name, file in files.items() if file.exists()}
    missing = [name for name in ablations if name not in kids]
    with ProgressReporter("drawing", num * len(ablations), "images", done=num * len(kids)) as reporter:

        def progress_of(number: int, name: str) -> OnProgress:
            return lambda done: reporter.update(num * number + done, name)

        shared = (model if workers.here else on_cpu(model), task, drawing, means)
        jobs = [
            (ablations[name], progress_of(number, name) if workers.here else no_progress)
            for number, name in enumerate(missing, start=len(kids))
        ]
        for (ablation, _), future in workers.run(_draw, jobs, shared=shared):
            name = WHOLE if ablation is None else ablation.name
            kids[name] = kid(future.result())
            write_text(files[name], json.dumps({"kid": kids[name]}) + "\n")
            reporter.update(num * len(kids))

    def change(finding: Finding) -> float | None:
        before, after = kids[WHOLE], kids.get(Ablation(finding.kind, finding.where).name)
        return None if before is None or after is None else after - before

    return [replace(finding, kid_change=change(finding)) for finding in findings]


def _draw(
    model: HybridNetwork,
    task: Task,
    drawing: SampleSection,
    means: dict[str, Tensor],
    ablation: Ablation | None,
    on_progress: OnProgress,
) -> Tensor:
    """Images of a network with part of it replaced, or whole."""
    prepared = on_configured_device(model, task.config)
    with nullcontext() if ablation is None else ablated(prepared, ablation, means):
        return to_uint8(task.draw(prepared, drawing, on_progress=on_progress))


def _read(file: Path) -> float | None:
    found: float | None = json.loads(file.read_text(encoding="utf-8"))["kid"]
    return found
