"""Budgets: YAML files that say what is measured, and how thoroughly.

A file has one key for each kind of measurement, with a list of entries. An entry holds a measurement's
fields; those under `over` are lists, and every combination of their values is a measurement of its own. A
`network` may be ``run``, the first run of the command line, or ``runs``, each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from backends.errors import UserError
from qvunet.config.errors import describe_errors
from qvunet.config.files import read_config_file
from qvunet.config.packaged import EXPERIMENTS
from qvunet.reports.shots.eps_error import EpsError
from qvunet.reports.shots.gradients import Gradients
from qvunet.reports.shots.images import Images
from qvunet.reports.shots.layer_error import LayerError
from qvunet.reports.shots.measurement import Measurement
from qvunet.reports.shots.networks import TrainedNetwork
from qvunet.reports.shots.training_curves import TrainingCurve

DIRECTORY = EXPERIMENTS / "shot_noise"
"""Where the budgets with names are."""

KINDS: dict[str, type[Measurement]] = {
    cls.kind: cls for cls in (LayerError, EpsError, Gradients, TrainingCurve, Images)
}


def budget_names() -> list[str]:
    """The names a user may give."""
    return sorted(path.stem for path in DIRECTORY.glob("*.yaml"))


def load_budget(name: str, runs: Sequence[TrainedNetwork]) -> list[Measurement]:
    """The measurements of a budget.

    Args:
        name: of a shipped budget, or a path of a file.
        runs: trained networks; without any, entries that need one are left out.

    Raises:
        UserError: naming the file and the key that is wrong.
    """
    path = DIRECTORY / f"{name}.yaml" if name in budget_names() else Path(name)
    if not path.is_file():
        raise UserError(f"--budget {name}: neither a file nor one of {', '.join(budget_names())}")
    entries = read_config_file(path)
    if bad := [kind for kind, value in entries.items() if not isinstance(value, list)]:
        raise UserError(f"{path}: {bad[0]}: a list of entries")
    if unknown := [kind for kind in entries if kind not in KINDS]:
        raise UserError(f"{path}: unknown key {unknown[0]!r}; allowed: {', '.join(KINDS)}")
    return [
        _validated(KINDS[kind], fields, f"{path}, {kind}[{number}]")
        for kind in KINDS
        for number, entry in enumerate(entries.get(kind, []))
        for fields in _combinations(entry, runs)
    ]


def _combinations(entry: dict[str, Any], runs: Sequence[TrainedNetwork]) -> Iterator[dict[str, Any]]:
    fixed = dict(entry)
    over = fixed.pop("over", {})
    for values in product(*over.values()):
        fields = fixed | dict(zip(over, values, strict=True))
        match fields.get("network"):
            case "run":
                yield from (fields | {"network": run} for run in runs[:1])
            case "runs":
                yield from (fields | {"network": run} for run in runs)
            case _:
                yield fields


def _validated(cls: type[Measurement], fields: dict[str, Any], where: str) -> Measurement:
    try:
        return cls.model_validate(fields)
    except ValidationError as error:
        raise UserError(describe_errors(error, cls, where)) from None
