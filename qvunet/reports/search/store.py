"""Results of the search in one small JSON file, so that it goes on where it stopped."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from backends.errors import UserError
from qvunet.reports.search.trials import Trial
from qvunet.tools.files import write_text

RESULTS_FILE = "results.json"


class Store:
    """Trials, and the best loss of each problem.

    Args:
        out: directory; made with the first result.

    Raises:
        UserError: if what is there is damaged.
    """

    def __init__(self, out: Path) -> None:
        self.path = out / RESULTS_FILE
        self.trials: list[Trial] = []
        self.best: dict[str, float] = {}
        if self.path.exists():
            self._read()

    def _read(self) -> None:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            self.trials = [Trial(**trial) for trial in found["trials"]]
            self.best = dict(found["best"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.path}: not results of this report; move it away to begin anew") from error

    def has(self, problem: str, network: str, seed: int, steps: int) -> bool:
        """Whether this trial was done."""
        return any(
            (t.problem, t.network, t.seed, t.steps) == (problem, network, seed, steps) for t in self.trials
        )

    def add(self, trial: Trial) -> None:
        """Keep a trial, in place of one with another number of steps; their order is always the same."""
        same = (trial.problem, trial.network, trial.seed)
        others = [t for t in self.trials if (t.problem, t.network, t.seed) != same]
        self.trials = sorted([*others, trial], key=lambda t: (t.seed, t.problem, t.network))
        self._write()

    def set_best(self, problem: str, loss: float) -> None:
        """Keep what the best of all functions gets."""
        self.best[problem] = loss
        self._write()

    def _write(self) -> None:
        found = {"best": self.best, "trials": [asdict(trial) for trial in self.trials]}
        write_text(self.path, json.dumps(found, indent=1) + "\n")
