"""A picture of a network: the U of its blocks, the circuits where they sit, and a layer of each circuit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from qiskit.circuit import QuantumCircuit

from qvunet.ansatz import ANSATZES, make_ansatz
from qvunet.description.circuit_drawing import circuit_image
from qvunet.description.facts import Description
from qvunet.description.layout import ARM_WIDTH, LINE, MARGIN, WIDTH, Box, Layout, lay_out
from qvunet.tools.files import replacing

DPI = 130
"""Pixels an inch."""

HEADER = 1.1
"""Inches above the boxes."""

CAPTION = 0.55
"""Inches for the line above a circuit."""

PAD = 0.08
"""Inches between a box's edge and its text."""

FONT_SIZE, CAPTION_SIZE = 8.0, 9.5
"""Points, in the boxes and elsewhere."""

COLOURS = {"unit": "#d6e4f5", "down": "#fbe3c8", "up": "#d8ecd3"}
"""Of blocks, by their kind."""

OTHER_COLOUR = "#e4e4e4"
"""Of blocks of other kinds, and of what stands in the circuits' place."""

CONVENTION = "inputs x and weights w in radians; <Z> of every qubit is read"
"""Said of every circuit."""

CIRCUIT_COLOUR = "#bb8bff"
"""That of the gates in Qiskit's drawing."""

LINE_COLOUR = "#555555"
"""Of arrows."""


def save_network(description: Description, title: str, path: Path) -> None:
    """Save a picture of a network.

    Args:
        description: the network.
        title: printed above.
        path: PNG file.
    """
    layout = lay_out(description, HEADER)
    drawings = [
        (caption, circuit_image(circuit, WIDTH - 2 * MARGIN, DPI))
        for caption, circuit in _circuits(description)
    ]
    height = layout.bottom + MARGIN + sum(CAPTION + len(image) / DPI for _, image in drawings)
    figure = Figure(figsize=(WIDTH, height))
    FigureCanvasAgg(figure)  # needs no display
    axes = figure.add_axes((0, 0, 1, 1))
    axes.text(MARGIN, MARGIN, title, fontsize=13, fontweight="bold", va="center")
    for number, line in enumerate(_subtitle(description), start=1):
        axes.text(MARGIN, MARGIN + number * LINE, line, fontsize=CAPTION_SIZE, va="center")
    _draw_layout(axes, layout)
    _draw_circuits(axes, drawings, layout.bottom)
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.axis("off")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI)


def _subtitle(description: Description) -> tuple[str, str]:
    weights = sum(block.num_parameters for block in description.blocks)
    quantum = sum(block.num_quantum for block in description.blocks)
    number = sum(group.num_circuits for group in description.circuits)
    held = f"{quantum:,} of them in {number} circuits" if number else "no circuits"
    return f"{description.name}: {weights:,} weights, {held}", description.note


def _circuits(description: Description) -> Iterator[tuple[str, QuantumCircuit]]:
    """Caption and circuit: of an ansatz of this package one layer, any other circuit whole."""
    key, number = description.ansatz, description.num_layers
    layer = make_ansatz(key, num_layers=1) if key in ANSATZES else None
    for name, ansatz in {group.ansatz.name: group.ansatz for group in description.circuits}.items():
        if layer and name == layer.name and number > 1:
            yield f"{name}, the first of {number} layers: {CONVENTION}", layer.circuit
        else:
            yield f"{name}: {CONVENTION}", ansatz.circuit


def _draw_circuits(axes: Axes, drawings: list[tuple[str, npt.NDArray[np.float32]]], top: float) -> None:
    for caption, image in drawings:
        axes.text(MARGIN, top + 0.7 * CAPTION, caption, fontsize=CAPTION_SIZE, va="center")
        top += CAPTION
        height, width = image.shape[0] / DPI, image.shape[1] / DPI
        axes.imshow(image, extent=(MARGIN, MARGIN + width, top + height, top), aspect="auto")
        top += height


def _draw_layout(axes: Axes, layout: Layout) -> None:
    for box in (*layout.down, *layout.vertex, *layout.up):
        _draw_box(axes, box)
    for before, after in (*pairwise(layout.down), *pairwise(layout.vertex)):
        x = max(before.left, after.left) + ARM_WIDTH / 2
        _arrow(axes, (x, before.bottom), (x, after.top))
    for before, after in pairwise(layout.up):
        x = min(before.right, after.right) - ARM_WIDTH / 2
        _arrow(axes, (x, before.top), (x, after.bottom))
    if not layout.down:
        return
    last, first, end, start = layout.down[-1], layout.vertex[0], layout.vertex[-1], layout.up[0]
    left, right = (last.left + first.left) / 2, (start.right + end.right) / 2
    _arrow(axes, (left, last.bottom), (left, first.first_line), (first.left, first.first_line))
    _arrow(axes, (end.right, end.first_line), (right, end.first_line), (right, start.bottom))
    for kept, taker in layout.skips:
        ends = (kept.right, kept.first_line), (taker.left, taker.first_line)
        _arrow(axes, *ends, linestyle=(0, (4, 3)))


def _draw_box(axes: Axes, box: Box) -> None:
    height, colour = box.bottom - box.top, COLOURS.get(box.block.kind, OTHER_COLOUR)
    inside = LINE * len(box.inside)
    inside_colour = CIRCUIT_COLOUR if box.block.circuits else OTHER_COLOUR
    axes.add_patch(Rectangle((box.left, box.top), box.width, height, facecolor=colour))
    axes.add_patch(Rectangle((box.left, box.top + LINE), box.width, inside, facecolor=inside_colour))
    axes.add_patch(Rectangle((box.left, box.top), box.width, height, fill=False, linewidth=0.8))
    name, shape = box.block.name.split(".")[-1], " x ".join(map(str, box.block.shape))
    style: dict[str, Any] = {"fontsize": FONT_SIZE, "va": "center"}
    axes.text(box.left + PAD, box.first_line, f"{name}   {box.block.label}", **style)
    axes.text(box.right - PAD, box.first_line, shape, ha="right", **style)
    for number, line in enumerate(box.inside, start=1):
        axes.text(box.left + PAD, box.first_line + number * LINE, line, **style)


def _arrow(axes: Axes, *points: tuple[float, float], **style: Any) -> None:
    """A line through points, with a head at the last."""
    line = {"color": LINE_COLOUR, "linewidth": 0.9, **style}
    axes.plot(*zip(*points[:-1], strict=True), solid_capstyle="projecting", **line)
    axes.annotate(
        "", points[-1], points[-2], arrowprops={"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, **line}
    )
