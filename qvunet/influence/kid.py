"""What ablations do to the images that are drawn: the change of KID, image by image from the same noise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from qvunet.data import load_data
from qvunet.evaluation.evaluate import make_feature_network
from qvunet.evaluation.metrics import METRICS
from qvunet.evaluation.reference import choose_reference
from qvunet.influence.ablations import BESIDE, CIRCUITS, VERTEX, Ablation, ablated
from qvunet.influence.result import Finding
from qvunet.models.network import HybridNetwork
from qvunet.runs.device import prepare_torch
from qvunet.tasks import Task
from qvunet.tools.files import write_text
from qvunet.tools.pixels import to_uint8
from qvunet.tools.progress import ProgressReporter

WHOLE = (CIRCUITS, BESIDE, VERTEX)
"""Where ablations are worth drawing for."""


def with_kid_changes(
    findings: Sequence[Finding],
    model: HybridNetwork,
    task: Task,
    checkpoint: Path,
    means: dict[str, Tensor],
    num: int,
    pieces: Path,
) -> list[Finding]:
    """Add to findings about all circuits what their ablation does to KID.

    Args:
        findings: without it.
        model: the network.
        task: of the network; images are drawn as `evaluate` draws them.
        checkpoint: whose weights the network has.
        means: of `qvunet.influence.ablations.mean_outputs`.
        num: images of each kind, and held-out ones.
        pieces: where figures are kept.

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

    def kid(name: str) -> float | None:
        stored = pieces / f"kid{num}_{name}.json"
        if stored.exists():
            found: float | None = json.loads(stored.read_text(encoding="utf-8"))["kid"]
            return found
        with ProgressReporter(f"drawing, {name}", num, "images") as reporter:
            images = to_uint8(task.draw(model, drawing, on_progress=reporter.update))
        blank = int(images.max()) - int(images.min()) < 2  # nothing is left, and features want pixels
        value = None if blank else METRICS["kid"].value(real, network.see(images, device).values)
        write_text(stored, json.dumps({"kid": value}) + "\n")
        return value

    before = kid("whole")
    changed = []
    for finding in findings:
        if finding.where in WHOLE:
            ablation = Ablation(finding.kind, finding.where)
            with ablated(model, ablation, means):
                after = kid(ablation.name)
            if before is not None and after is not None:
                finding = replace(finding, kid_change=after - before)
        changed.append(finding)
    return changed
