"""What a card says was measured: the figures that `qvunet evaluate` and `qvunet ablate` left in a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backends.errors import UserError
from qvunet.runs.checkpoint import latest_checkpoint
from qvunet.runs.directory import RunDirectory


def measured(run: RunDirectory, has_circuits: bool) -> dict[str, Any]:
    """Figures of a run's newest checkpoint.

    Args:
        run: the run.
        has_circuits: of its network; where there are none, there is no influence to ask for.

    Returns:
        ``evaluation`` and ``influence`` as those commands wrote them, ``training`` as the run's
        `environment.json`. ``influence`` is None for a network without circuits.

    Raises:
        UserError: if the newest checkpoint has not been evaluated or ablated; names the command to run.
    """
    step = latest_checkpoint(run.checkpoints).name
    evaluations = sorted(
        run.evaluation.glob(f"{step}_*/classifier.json"), key=lambda file: file.stat().st_mtime
    )
    if not evaluations:
        raise UserError(f"{run.path}: {step} is not evaluated; run `qvunet evaluate --run {run.path}` first")
    evaluation = _read(evaluations[-1])
    del evaluation["samples"]  # a path of this machine
    return {
        "evaluation": evaluation,
        "influence": _influence(run, step) if has_circuits else None,
        "training": _read(run.environment_file),
    }


def _influence(run: RunDirectory, step: str) -> dict[str, Any]:
    file = run.path / "influence" / "influence.json"
    found = _read(file) if file.is_file() else {}
    if found.get("checkpoint") != step:
        raise UserError(f"{run.path}: {step} is not ablated; run `qvunet ablate --run {run.path}` first")
    return found


def _read(file: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: missing or damaged ({error})") from None
    return values
