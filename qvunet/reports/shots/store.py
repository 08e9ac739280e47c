"""One JSON file a measurement, so that an interrupted ablation goes on and reports need no new run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch

from backends.errors import UserError
from qvunet.reports.shots.measurement import Bench, Measurement
from qvunet.runs.environment import describe_environment
from qvunet.tools.files import write_text

Record = dict[str, Any]
"""``kind``, ``title``, ``spec``, ``result`` and the ``environment`` it was measured in."""


class Store:
    """The results of one output directory.

    Args:
        out: directory; results are in its `results/`, interrupted work in its `work/`.
    """

    def __init__(self, out: Path) -> None:
        self.results = out / "results"
        self.work = out / "work"

    def has(self, measurement: Measurement) -> bool:
        """Whether this very measurement has been made."""
        path = self._path(measurement)
        return path.exists() and _read(path)["spec"] == measurement.spec

    def measure(self, measurement: Measurement, device: torch.device) -> None:
        """Measure, and keep the result in place of one with another specification."""
        bench = Bench(self.work / f"{measurement.slug}_{measurement.digest}", device)
        record = {
            "kind": measurement.kind,
            "title": measurement.title,
            "spec": measurement.spec,
            "result": measurement.measure(bench),
            "environment": describe_environment(),
        }
        write_text(self._path(measurement), json.dumps(record, indent=1) + "\n")

    def records(self) -> list[Record]:
        """All results, in the order of their titles, 10 % before 100 %.

        Raises:
            UserError: if there are none, or a file is damaged.
        """
        found = [_read(path) for path in sorted(self.results.glob("*.json"))]
        if not found:
            raise UserError(f"{self.results}: no results to report; run without --only-report first")
        return sorted(found, key=lambda record: _natural(record["title"]))

    def _path(self, measurement: Measurement) -> Path:
        return self.results / f"{measurement.slug}.json"


def _natural(title: str) -> list[tuple[str, float]]:
    """Sorts texts by their words and numbers."""
    return [(word, float(number or 0)) for word, number in re.findall(r"([^\d.]*)(\d+(?:\.\d+)?|$)", title)]


def _read(path: Path) -> Record:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        record = None
    if not isinstance(record, dict) or not {"kind", "title", "spec", "result"} <= record.keys():
        raise UserError(f"{path}: not a result of this script; delete it to measure again")
    return record
