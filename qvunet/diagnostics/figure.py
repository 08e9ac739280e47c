"""Diagnostics as one picture: a row for each circuit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from qvunet.diagnostics.expressibility import BINS
from qvunet.diagnostics.gradients import GradientVariance
from qvunet.diagnostics.network import CircuitDiagnostics
from qvunet.tools.files import replacing

WIDTH, HEIGHT = 15.0, 3.7
"""Inches of a row."""
DPI = 110
MAX_PARTS = 4
"""Components whose fidelities are drawn beside the whole circuit's."""


def save_diagnostics(found: Sequence[CircuitDiagnostics], title: str, path: Path) -> None:
    """Save gradients, spectrum and fidelities.

    Args:
        found: at least one.
        title: printed above.
        path: PNG file.
    """
    figure = Figure(figsize=(WIDTH, HEIGHT * len(found) + 0.4), layout="constrained")
    FigureCanvasAgg(figure)  # needs no display
    figure.suptitle(title, fontweight="bold")
    for rows, each in zip(figure.subplots(len(found), 4, squeeze=False), found, strict=True):
        scan = each.gradients
        _variances(rows[0], scan.layers if scan else (), "layers")
        _variances(rows[1], scan.qubits if scan else (), "qubits")
        _spectrum(rows[2], each)
        _fidelities(rows[3], each)
        rows[0].set_title(each.title, loc="left", fontweight="bold")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI)


def _variances(axes: Axes, rows: Sequence[GradientVariance], unit: str) -> None:
    if not rows:
        return _absent(axes, f"no other numbers of {unit}")
    sizes = [row.num_layers if unit == "layers" else row.num_qubits for row in rows]
    for label, values, errors in (
        ("first observable", [row.first for row in rows], [row.first_error for row in rows]),
        ("all observables", [row.mean for row in rows], [row.mean_error for row in rows]),
    ):
        axes.errorbar(sizes, values, [2 * error for error in errors], marker="o", capsize=3, label=label)
    axes.set(xlabel=unit, ylabel="Var d<O>/dw", yscale="log", xticks=sizes)
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8, title="bars: two standard errors", title_fontsize=7)


def _spectrum(axes: Axes, found: CircuitDiagnostics) -> None:
    if found.spectrum is None:
        return _absent(axes, "no spectrum")
    power = np.array(found.spectrum.power)
    places = np.arange(power.shape[1])
    mean = power.mean(axis=0)
    spread = np.stack([mean - power.min(axis=0), power.max(axis=0) - mean])
    axes.bar(places, mean, yerr=spread, capsize=4, color="tab:purple", ecolor="black")
    axes.set_xticks(places, [f"{frequency:g}" for frequency in found.spectrum.frequencies])
    axes.set(xlabel="frequency along an input", ylabel="power (bars: least and greatest input)")


def _fidelities(axes: Axes, found: CircuitDiagnostics) -> None:
    if not found.expressibility:
        return _absent(axes, "too many qubits for fidelities")
    edges = np.linspace(0, 1, BINS + 1)
    for each in found.expressibility[: 1 + MAX_PARTS]:
        qubits = f"{len(each.qubits)} qubits" if len(each.qubits) == found.num_qubits else str(each.qubits)
        axes.stairs(np.array(each.even.histogram) * BINS, edges, label=qubits, linewidth=1.2)
    axes.axhline(1, color="black", linestyle="--", linewidth=1, label="Haar")
    axes.set(xlabel="fidelity, as a quantile of Haar's", ylabel="density (linear up to 1)", yscale="symlog")
    axes.set_yticks([0, 0.5, 1, 3, 10, 30, BINS], labels=["0", "0.5", "1", "3", "10", "30", f"{BINS}"])
    axes.legend(fontsize=8)


def _absent(axes: Axes, reason: str) -> None:
    axes.text(0.5, 0.5, reason, ha="center", va="center", transform=axes.transAxes)
    axes.axis("off")
