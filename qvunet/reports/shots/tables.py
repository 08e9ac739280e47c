"""Results as tables: every figure for CSV, and a digest of each kind for people."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from qvunet.reports.shots.store import Record

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Table:
    """A table for people: headings, and rows of as many cells."""

    header: list[str]
    rows: list[list[str]]


def flat_rows(records: Iterable[Record]) -> Rows:
    """A row for each point of each record: what was measured, then the figures."""
    return [
        {"measurement": record["title"], **point}
        for record in records
        for point in record["result"]["points"]
    ]


def as_csv(rows: Rows) -> str:
    """Comma-separated, with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def layer_table(records: Sequence[Record]) -> Table:
    """RMSE, and its ratio to pure shot noise, by shots."""
    return _by_column(flat_rows(records), ["measurement"], "shots", _layer_cell)


def eps_by_shots(records: Sequence[Record]) -> Rows:
    """Root mean squares over the timesteps; `relative` is the error over that of the exact network."""
    rows: Rows = []
    for record in records:
        points = record["result"]["points"]
        for shots in dict.fromkeys(point["shots"] for point in points):
            some = [point for point in points if point["shots"] == shots]
            rmse, own = (_root_mean_square([p[key] for p in some]) for key in ("rmse", "own_error"))
            rows.append(
                {"measurement": record["title"], "shots": shots, "rmse": rmse, "relative": rmse / own}
            )
    return rows


def eps_table(records: Sequence[Record]) -> Table:
    """RMSE of eps over all timesteps, by shots."""
    rows = eps_by_shots(records)
    return _by_column(rows, ["measurement"], "shots", lambda p: f"{p['rmse']:.2g} ({percent(p['relative'])})")


def gradient_table(records: Sequence[Record], of: str) -> Table:
    """Cosine of the gradient in `of` (``weights`` or ``inputs``), by executions."""
    rows = [row for row in flat_rows(records) if row["of"] == of]
    return _by_column(rows, ["measurement", "method", "circuits"], "executions", _cosine_cell)


def training_rows(records: Sequence[Record]) -> Rows:
    """A row for each run, exact ones first, then by method and shots."""
    rows = [
        {
            "network": record["spec"]["network"]["ansatz"],
            "hybridization": record["spec"]["network"]["hybridization"],
            "method": record["result"]["method"],
            "shots": record["spec"]["shots"],
            "steps": record["spec"]["steps"],
            "last_losses": _mean(record["result"]["loss"][-25:]),
            "holdout_loss": record["result"]["holdout_loss"],
            "seconds": record["result"]["seconds"],
        }
        for record in records
    ]
    return sorted(
        rows, key=lambda row: (row["network"], row["method"] != "exact", row["method"], row["shots"])
    )


def training_table(records: Sequence[Record]) -> Table:
    """Losses of each run, and the difference to the exact run."""
    rows = training_rows(records)
    exact = {row["network"]: row["holdout_loss"] for row in rows if row["shots"] is None}
    return Table(
        ["network", "gradient", "shots", "training loss, last 25 steps", "held-out loss", "against exact"],
        [
            [
                f"{row['network']}, {row['hybridization']:.0%}",
                row["method"],
                _number(row["shots"]),
                f"{row['last_losses']:.5f}",
                f"{row['holdout_loss']:.5f}",
                f"{row['holdout_loss'] / exact[row['network']] - 1:+.2%}" if row["network"] in exact else "",
            ]
            for row in rows
        ],
    )


def image_rows(records: Sequence[Record]) -> Rows:
    """Without the pictures, intervals as columns of their own."""
    return [
        {
            key: value
            for name, entry in row.items()
            if name != "strip"
            for key, value in (
                {f"{name}_{end}": entry[end] for end in entry} if isinstance(entry, dict) else {name: entry}
            ).items()
        }
        for row in flat_rows(records)
    ]


def image_table(records: Sequence[Record]) -> Table:
    """KID by shots, its difference to exact circuits' images, and that of the pixels."""
    return Table(
        ["network", "shots", "KID", "difference to exact, same seeds", "pixel RMSE to exact"],
        [
            [
                row["measurement"],
                _number(row["shots"]),
                interval(row["kid"], ".4f"),
                "" if row["shots"] is None else interval(row["difference"], "+.2g"),
                "" if row["shots"] is None else f"{row['pixel_rmse']:.2g}",
            ]
            for row in flat_rows(records)
        ],
    )


def percent(fraction: float) -> str:
    """Two digits."""
    return f"{100 * fraction:.2g} %"


def interval(estimate: dict[str, float], form: str) -> str:
    """``value [low, high]``."""
    value, low, high = (format(estimate[key], form) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _by_column(rows: Rows, keys: Sequence[str], column: str, cell: Callable[[dict[str, Any]], str]) -> Table:
    """Spread the values of `column` over columns."""
    values = sorted({row[column] for row in rows})
    lines: dict[tuple[Any, ...], dict[int, str]] = {}
    for row in rows:
        lines.setdefault(tuple(row[key] for key in keys), {})[row[column]] = cell(row)
    return Table(
        [*keys, *(f"{value:,} {column}" for value in values)],
        [[*map(str, key), *(cells.get(value, "") for value in values)] for key, cells in lines.items()],
    )


def _layer_cell(point: dict[str, Any]) -> str:
    return f"{point['rmse']:.4f} ({point['rmse'] / point['expected']:.2f})"


def _cosine_cell(point: dict[str, Any]) -> str:
    return f"{point['cosine']:.3f} ± {point['cosine_error']:.3f}"


def _number(shots: int | None) -> str:
    return "exact" if shots is None else f"{shots:,}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _root_mean_square(values: Sequence[float]) -> float:
    return math.sqrt(_mean([value**2 for value in values]))
