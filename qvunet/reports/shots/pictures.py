"""The same seeds' images at every number of shots, one above the other."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.image import imread

from qvunet.reports.shots.store import Record
from qvunet.tools.files import replacing


def draw_pictures(records: Sequence[Record], path: Path) -> None:
    """Rows are shots, fewest first and exact circuits last, network by network; columns are seeds."""
    rows = [
        (record["title"] if number == 0 else "", point)
        for record in records
        for number, point in enumerate(_by_shots(record))
    ]
    strips = [imread(io.BytesIO(base64.b64decode(point["strip"])), format="png") for _, point in rows]
    height, width = strips[0].shape[:2]
    figure = Figure(figsize=(9, 8 * height / width * len(rows) + 0.3 * len(records)), layout="constrained")
    all_axes = figure.subplots(len(rows), squeeze=False)[:, 0]
    for axes, (title, point), image in zip(all_axes, rows, strips, strict=True):
        axes.imshow(image, cmap="gray", interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=9)
        name = "exact" if point["shots"] is None else f"{point['shots']:,} shots"
        axes.set_ylabel(name, rotation=0, horizontalalignment="right", verticalalignment="center")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130)


def _by_shots(record: Record) -> list[dict[str, Any]]:
    return sorted(record["result"]["points"], key=lambda point: point["shots"] or float("inf"))
