"""Sampling a trained run into files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backends.errors import UserError
from qvunet.bundles.writing import require_bundle, write_bundle
from qvunet.config import Config
from qvunet.costs.hardware import Consent, Plan, approve, recording, sampling_plan
from qvunet.diffusion.conditioning import classes_to_draw, grid_columns, is_guided
from qvunet.runs.checkpoint import latest_checkpoint
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task
from qvunet.tasks.trained import load_trained
from qvunet.tools.figures import save_grid, save_images
from qvunet.tools.files import write_text
from qvunet.tools.progress import ProgressReporter


def generate(
    config: Config,
    run: RunDirectory,
    out: Path | None = None,
    consent: Consent | None = None,
    bundle: Path | None = None,
) -> Path | None:
    """Draw images from a run's newest averaged weights, as PNG files.

    `grid.png` holds all images, `0000.png` and so on one each; `sample.json` says what they are.

    Args:
        config: the run's config, with what may change for sampling (`SAMPLE_KEYS`) changed.
        run: a run with a checkpoint.
        out: directory for the files; by default one in the run's `samples/`, named after what is drawn.
        consent: to jobs on hardware; by default none has been given.
        bundle: file for a drawing on hardware, by which others can check it (`qvunet.bundles`).

    Returns:
        Path of the grid; None if the user wanted no more than an estimate, or did not agree to it.

    Raises:
        UserError: if the run has no checkpoint, a damaged one, `out` is a file, or no bundle can be made of
            this; or as `approve` does.
        ExecutionError: if hardware fails.
    """
    checkpoint = latest_checkpoint(run.checkpoints)
    out = out or run.samples / _directory_name(config, checkpoint)
    if out.is_file():
        raise UserError(f"--out {out}: a file, not a directory")
    task = make_task(config, run)
    model = load_trained(task, checkpoint)
    plan = sampling_plan(model, task, run.jobs, checkpoint.name)
    if bundle is not None:
        require_bundle(bundle, config, run, isinstance(plan, Plan))
    if not approve(plan, consent or Consent()):
        return None
    with recording(plan), ProgressReporter("sampling", config.sample.num, "images") as reporter:
        samples = task.draw(model, on_progress=reporter.update)
    save_images(samples, out)
    save_grid(samples, out / "grid.png", grid_columns(config))
    write_text(out / "sample.json", json.dumps(_record(config, checkpoint), indent=2) + "\n")
    if bundle is not None and isinstance(plan, Plan):
        write_bundle(bundle, config, run, checkpoint, plan.journal, out)
    return out / "grid.png"


def _directory_name(config: Config, checkpoint: Path) -> str:
    sample = config.sample
    steps = f"{sample.steps or ''}"
    where = getattr(config.backend, "backend_name", config.backend.name)
    classes = f"_class{'-'.join(map(str, sample.classes))}" if sample.classes else ""
    guidance = f"_guidance{sample.guidance_scale:g}" if is_guided(sample) else ""
    return f"{checkpoint.name}_{where}_{sample.sampler}{steps}{classes}{guidance}_seed{sample.seed}"


def _record(config: Config, checkpoint: Path) -> dict[str, Any]:
    record = {"checkpoint": str(checkpoint), **config.model_dump(mode="json", include={"backend", "sample"})}
    classes = list(classes_to_draw(config.sample, config.model.num_classes))
    return {**record, "classes_in_turn": classes} if classes else record
