"""The same seeds' images at every number of shots, one above the other."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.image import imread

from qvunet.files import replacing
from shot_noise.store import Record


def draw_pictures(records: Sequence[Record], path: Path) -> None:
    """The first record's: rows are shots, fewest first and exact circuits last; columns are seeds."""
    rows = sorted(records[0]["result"]["points"], key=lambda point: point["shots"] or float("inf"))
    strips = [imread(io.BytesIO(base64.b64decode(point["strip"])), format="png") for point in rows]
    height, width = strips[0].shape[:2]
    figure = Figure(figsize=(9, 9 * height / width * len(rows)), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.01, hspace=0.0)
    for axes, point, image in zip(figure.subplots(len(rows), squeeze=False)[:, 0], rows, strips, strict=True):
        axes.imshow(image, cmap="gray", interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        name = "exact" if point["shots"] is None else f"{point['shots']:,} shots"
        axes.set_ylabel(name, rotation=0, horizontalalignment="right", verticalalignment="center")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130)
