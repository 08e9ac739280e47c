"""What is kept of a cell: one small JSON file, from which the report is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import ValidationError

from backends.errors import UserError
from qvunet.config import Config
from qvunet.config.errors import describe_errors
from qvunet.config.options import Section
from qvunet.tools.files import write_text

RESULT_FILE = "result.json"
SAMPLES_FILE = "samples.png"

LOSS_POINTS = 100
"""Most points of a kept loss curve; each is the mean over a stretch of steps."""


class LossCurve(Section):
    """Training loss in stretches."""

    steps: tuple[int, ...]
    """Last step of each stretch."""
    means: tuple[float, ...]
    """Mean loss of each stretch."""


class Influence(Section):
    """Relative change of the held-out loss when the cores return zeros, with a 95 % interval over images."""

    change: float
    low: float
    high: float


class Result(Section):
    """A cell that is trained and evaluated."""

    budget: str
    dataset: str
    variant: str
    seed: int
    config: dict[str, Any]
    """Resolved config; kept as it is, so that a report can be made when keys have changed since."""
    environment: dict[str, Any]
    """Of the training: versions, commit, machine."""
    parameters: dict[str, int]
    """Trainable values, ``classical`` and ``quantum``."""
    seconds_per_step: float
    final_loss: float
    """Mean of the last logged losses."""
    loss: LossCurve
    circuit_change: float
    """Norm of the change of all circuit weights in training, radians."""
    evaluation: dict[str, Any]
    """As `qvunet evaluate` writes it."""
    heldout_loss: float | None = None
    """Of images that were not trained on; None in results of version 0.1."""
    influence: Influence | None = None
    """None for a network without circuits or controls, and in results of version 0.1."""

    @property
    def steps(self) -> int:
        """Training steps."""
        return self.config["train"]["steps"]

    @property
    def directory(self) -> Path:
        """The cell's, relative to that of all cells."""
        return Path(self.dataset, self.variant, f"seed_{self.seed}")

    def read_config(self) -> Config:
        """The config as today's code reads it.

        Raises:
            UserError: if it cannot, because a key is no longer there.
        """
        try:
            return Config.model_validate(self.config)
        except ValidationError as error:
            raise UserError(
                describe_errors(error, Config, f"{self.directory / RESULT_FILE}, config")
            ) from None

    def save(self, directory: Path) -> None:
        """Write the result into its cell's directory."""
        write_text(directory / RESULT_FILE, self.model_dump_json(indent=1) + "\n")


def load_result(directory: Path) -> Result | None:
    """The result in a cell's directory, if there is one.

    Raises:
        UserError: if it is damaged.
    """
    path = directory / RESULT_FILE
    if not path.is_file():
        return None
    try:
        return Result.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise UserError(describe_errors(error, Result, str(path))) from None


def load_results(out: Path) -> list[Result]:
    """Every result below a directory.

    Raises:
        UserError: if one is damaged.
    """
    found = [load_result(path.parent) for path in sorted(out.glob(f"*/*/seed_*/{RESULT_FILE}"))]
    return [result for result in found if result is not None]


def loss_curve(steps: Sequence[int], losses: Sequence[float]) -> LossCurve:
    """Average the losses over at most `LOSS_POINTS` stretches of equal length, but for the last."""
    length = -(-len(steps) // LOSS_POINTS)
    starts = range(0, len(steps), length)
    return LossCurve(
        steps=tuple(steps[min(start + length, len(steps)) - 1] for start in starts),
        means=tuple(fmean(losses[start : start + length]) for start in starts),
    )
