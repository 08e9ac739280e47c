"""Pictures of the report."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread

from qvunet.reports.mitigation.comparison import Row
from qvunet.tools.files import replacing


def draw_costs(rows: Sequence[Row], path: Path) -> None:
    """Distance against QPU seconds: a marker a drawing, with its interval."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    for row in rows:
        low, high = row.distance.value - row.distance.low, row.distance.high - row.distance.value
        axes.errorbar(
            row.qpu_seconds,
            row.distance.value,
            yerr=np.array([[low], [high]]),
            marker="o",
            capsize=3,
            linestyle="",
            label=_name(row),
        )
    axes.set(
        xscale="log",
        xlabel="estimated QPU seconds for all images",
        ylabel="distance to the exact image",
        ylim=(0, None),
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130)


def draw_strips(rows: Sequence[Row], path: Path) -> None:
    """The same noise a column; for each number of steps the exact images, then every drawing."""
    strips: list[tuple[str, str]] = []
    for steps in dict.fromkeys(row.steps for row in rows):
        own = [row for row in rows if row.steps == steps]
        strips.append((f"exact, {steps} steps", own[0].record["result"]["exact_strip"]))
        strips += [(_name(row), row.record["result"]["strip"]) for row in own]
    images = [imread(io.BytesIO(base64.b64decode(strip)), format="png") for _, strip in strips]
    height, width = images[0].shape[:2]
    figure = Figure(figsize=(9, 0.2 + 6.5 * height / width * len(images)), layout="constrained")
    all_axes = figure.subplots(len(images), squeeze=False)[:, 0]
    for axes, (name, _), image in zip(all_axes, strips, images, strict=True):
        axes.imshow(image, cmap="gray", interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_ylabel(name, rotation=0, horizontalalignment="right", verticalalignment="center", fontsize=8)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130)


def _name(row: Row) -> str:
    return f"{row.method}, {row.shots:,} shots, {row.steps} steps"
