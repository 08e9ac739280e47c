"""Results as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from qvunet.reports.benchmark.system import Measured, Result
from qvunet.tools.files import replacing


def write_plot(path: Path, measured: Measured) -> None:
    """Cases that grow along an axis as lines, one panel an axis; any other case as a panel of bars."""
    panels: dict[str, Measured] = {}
    for case, results in measured:
        panels.setdefault(case.axis or case.title, []).append((case, results))
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(8 * columns, 3.2 * rows), layout="constrained")
    FigureCanvasAgg(figure)  # needs no display
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    for axes, (title, pairs) in zip(grid.flat, panels.items(), strict=False):
        axes.set_title(title, fontsize=10)
        _lines(axes, pairs) if pairs[0][0].axis else _bars(axes, pairs[0][1])
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _bars(axes: Axes, results: Sequence[Result]) -> None:
    timed = [result for result in results if result.seconds]
    per_sample = [1000 * result.summary()["median_s"] / result.rows for result in timed]
    colours = ["tab:gray" if result.peer else "tab:blue" for result in timed]
    bars = axes.barh([result.system for result in timed], per_sample, color=colours, log=True)
    axes.bar_label(bars, [f"{ms:.3g}" for ms in per_sample], padding=3, fontsize=8)
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.set_xlabel("ms a sample")


def _lines(axes: Axes, pairs: Measured) -> None:
    curves: dict[str, list[tuple[float, float]]] = {}
    for case, results in pairs:
        for result in results:
            if result.seconds:
                point = (case.value, 1000 * result.summary()["median_s"])
                curves.setdefault(result.system, []).append(point)
    for system, points in curves.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=system)
    axes.set_yscale("log")
    axes.set_xlabel(pairs[0][0].axis.partition(",")[0])
    axes.set_ylabel("ms a call")
    axes.legend(fontsize=8)
