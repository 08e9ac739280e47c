"""One cell: train it, evaluate it, keep its result. Whatever is done already is not done again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path

from safetensors.torch import load_file

from backends.errors import UserError
from qvunet.config import Config, changed_keys, load_config
from qvunet.costs.hardware import Consent
from qvunet.data import load_data
from qvunet.evaluation import evaluate
from qvunet.influence.quick import QuickInfluence, core_influence
from qvunet.models.network import HybridNetwork
from qvunet.reports.tables.grid import Cell
from qvunet.reports.tables.result import SAMPLES_FILE, Influence, Result, load_result, loss_curve
from qvunet.runs.checkpoint import latest_checkpoint, list_checkpoints, load_tensors
from qvunet.tasks import Task, make_task
from qvunet.tasks.trained import load_trained
from qvunet.tools.figures import save_grid
from qvunet.training.summary import circuit_changes, final_loss
from qvunet.training.trainer import train

REPORTING = (
    "device",
    "threads",
    "backend.threads",
    "train.log_every",
    "train.checkpoint_every",
    "train.keep_checkpoints",
    "train.sample_every",
    "train.tensorboard",
    "sample.num",
    "sample.batch_size",
    "evaluate.batch_size",
)
"""Keys that change neither the trained weights nor a figure of the report."""

EVALUATION = ("sample", "evaluate")
"""Sections that change figures, but not the trained weights."""

INFLUENCE_IMAGES = 200
"""Held-out images that influence is measured on, each at every noise level."""

NUM_SAMPLES = 16
"""Images in a cell's picture, the same seeds in every cell."""


def require_same_training(cells: Iterable[Cell]) -> None:
    """Check that what lies in the cells' directories was made, or begun, with their configs.

    Raises:
        UserError: naming every directory and key that differs.
    """
    refused = []
    for cell in cells:
        found = _found_config(cell)
        keys = _differing(found, cell.config, (*REPORTING, *EVALUATION)) if found else []
        if keys:
            refused.append(f"{cell.run.path}: {', '.join(keys)}")
    if refused:
        raise UserError(
            "trained with another config than this budget's; choose another --out, or move them away\n  "
            + "\n  ".join(refused)
        )


def is_done(cell: Cell) -> bool:
    """Whether the cell has a result made with its config."""
    result = load_result(cell.run.path)
    return result is not None and not _differing(result.read_config(), cell.config, REPORTING)


def run_cell(cell: Cell, budget: str, note: Callable[[str], None]) -> None:
    """Train and evaluate a cell as far as that is still to be done.

    Args:
        cell: what to train; `require_same_training` has passed.
        budget: its name, for the result.
        note: told what begins.

    Raises:
        UserError: if its donor is not trained, another process trains it, or training or evaluation refuse.
        KeyboardInterrupt: after Ctrl-C; the next call goes on from there.
    """
    if cell.donor is not None and not _is_trained(cell.donor):
        raise UserError(f"{cell.donor.run.path}: not trained, and {cell.variant} starts from it")
    if not _is_trained(cell):
        note("training")
        train(cell.config, cell.run, resume=cell.run.config_file.is_file())
    note("evaluating")
    evaluation = evaluate(cell.config, cell.run, None, Consent())
    assert evaluation is not None  # only a dry run returns nothing
    task = make_task(cell.config, cell.run)
    model = load_trained(task, latest_checkpoint(cell.run.checkpoints))
    _save_picture(cell, task, model)
    images = load_data(cell.config.data).holdout
    influence = core_influence(model, task, images, min(INFLUENCE_IMAGES, len(images)))
    _result(cell, budget, model, evaluation.as_dict(), influence).save(cell.run.path)


def _found_config(cell: Cell) -> Config | None:
    if cell.run.config_file.is_file():
        return load_config(cell.run.config_file)
    result = load_result(cell.run.path)
    return result.read_config() if result else None


def _differing(before: Config, after: Config, ignored: tuple[str, ...]) -> list[str]:
    """Changed keys but for those ignored."""
    return [
        key
        for key in changed_keys(_wherever_it_lies(before), _wherever_it_lies(after))
        if not any(key == prefix or key.startswith(f"{prefix}.") for prefix in ignored)
    ]


def _wherever_it_lies(config: Config) -> Config:
    """The config with data files by their absolute path, and the donor by its cell alone."""
    paths = {key: value.resolve() for key, value in config.data if isinstance(value, Path)}
    donor = config.init_from and Path(*config.init_from.parts[-3:])
    return config.model_copy(update={"data": config.data.model_copy(update=paths), "init_from": donor})


def _is_trained(cell: Cell) -> bool:
    checkpoints = list_checkpoints(cell.run.checkpoints)
    last = f"step_{cell.config.train.steps:06d}"
    return bool(checkpoints) and checkpoints[-1].name == last and cell.run.loss_curve.exists()


def _save_picture(cell: Cell, task: Task, model: HybridNetwork) -> None:
    samples = task.draw(model, cell.config.sample.model_copy(update={"num": NUM_SAMPLES}))
    save_grid(samples, cell.run.path / SAMPLES_FILE)


def _result(
    cell: Cell, budget: str, model: HybridNetwork, evaluation: dict[str, object], influence: QuickInfluence
) -> Result:
    metrics, change = cell.run.read_metrics(), influence.change
    return Result(
        budget=budget,
        dataset=cell.dataset,
        variant=cell.variant,
        seed=cell.seed,
        config=cell.config.model_dump(mode="json"),
        environment=json.loads(cell.run.environment_file.read_text(encoding="utf-8")),
        parameters=model.num_parameters_by_kind(),
        seconds_per_step=metrics[-1]["seconds"] / cell.config.train.steps,
        final_loss=final_loss(metrics),
        loss=loss_curve([line["step"] for line in metrics], [line["loss"] for line in metrics]),
        circuit_change=_circuit_change(latest_checkpoint(cell.run.checkpoints)),
        evaluation=evaluation,
        heldout_loss=influence.loss,
        influence=Influence(change=change.value, low=change.low, high=change.high) if model.cores() else None,
    )


def _circuit_change(checkpoint: Path) -> float:
    """Norm of the change of all circuit weights since the first step, radians."""
    initial = load_file(checkpoint / "initial_circuits.safetensors")
    model = load_tensors(checkpoint / "model")
    return math.hypot(*circuit_changes(initial, {name: model[f"{name}.weight"] for name in initial}).values())
