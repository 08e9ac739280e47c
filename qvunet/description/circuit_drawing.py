"""Qiskit's drawing of a circuit as an image, to be set into a picture."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from qiskit.circuit import QuantumCircuit
from qiskit.visualization import circuit_drawer

STYLE = {"name": "clifford", "fontsize": 11, "subfontsize": 8}
"""Qiskit's names."""

MAX_COLUMNS = 36
"""Gates side by side before the drawing goes on in another line."""

COLUMN_WIDTH = 0.42
"""Inches of a gate and its wire, where there is room."""


def circuit_image(circuit: QuantumCircuit, max_width: float, dpi: float) -> npt.NDArray[np.float32]:
    """Draw a circuit.

    Args:
        circuit: of any gates.
        max_width: inches.
        dpi: pixels an inch.

    Returns:
        (height, width, 4) in [0, 1], at most ``max_width * dpi`` wide.
    """
    figure = Figure(figsize=(max_width, max_width))
    FigureCanvasAgg(figure)  # needs no display
    axes = figure.add_axes((0, 0, 1, 1))
    circuit_drawer(circuit, output="mpl", style=STYLE, fold=MAX_COLUMNS, ax=axes)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    # Qiskit scales its letters to the figure's width, so a smaller picture takes fewer dots.
    figure.set_size_inches(max_width, max_width * (top - bottom) / (right - left))
    smaller = min(1.0, COLUMN_WIDTH * (right - left) / max_width)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=smaller * dpi)
    file.seek(0)
    return imread(file, format="png")
