"""The report's figures: loss curves, and KID with its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from matplotlib.figure import Figure

from qvunet.reports.tables.result import Result
from qvunet.tools.figures import running_mean
from qvunet.tools.files import replacing

SMOOTHING = 5
"""Points of a kept loss curve that a drawn one averages over."""

STYLES = ("-", "--", ":")
"""One after another, each with the ten colours of matplotlib's cycle."""

Rows = dict[str, list[Result]]
"""Results by the variant's title, one for each seed."""


def draw_losses(rows: Rows, path: Path) -> None:
    """Training loss of every variant, the mean over its seeds, smoothed, on a logarithmic axis."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    for index, (title, results) in enumerate(rows.items()):
        means = [fmean(values) for values in zip(*(result.loss.means for result in results), strict=False)]
        steps = results[0].loss.steps[: len(means)]
        style = STYLES[index // 10 % len(STYLES)]
        axes.plot(steps, running_mean(means, SMOOTHING), style, color=f"C{index % 10}", label=title, lw=1.2)
    axes.set(xlabel="training step", ylabel="loss", yscale="log")
    axes.grid(alpha=0.3, which="both")
    figure.legend(loc="outside right upper", fontsize=8)
    _save(figure, path)


def draw_kid(rows: Rows, path: Path) -> None:
    """KID of every cell with its interval, the variant's mean, and the floor of real against real images."""
    figure = Figure(figsize=(8, 1.3 + 0.4 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for y, results in enumerate(rows.values()):
        kids = [result.evaluation["kid"] for result in results]
        for kid, height in zip(kids, _spread(y, len(kids)), strict=True):
            axes.plot([kid["low"], kid["high"]], [height, height], color="tab:blue", linewidth=1.2)
            axes.plot(kid["value"], height, "o", color="tab:blue", markersize=4)
        axes.plot(fmean(kid["value"] for kid in kids), y, "d", color="black", markersize=5)
    floors = [result.evaluation["kid"]["floor"] for results in rows.values() for result in results]
    axes.axvline(fmean(floors), color="tab:gray", linestyle="--", linewidth=1, label="real against real")
    axes.plot([], [], "o-", color="tab:blue", markersize=4, label="one seed, 95 % interval")
    axes.plot([], [], "d", color="black", markersize=5, label="mean over seeds")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.set_xlabel("KID, lower is better")
    axes.grid(alpha=0.3, axis="x")
    figure.legend(loc="outside upper center", ncols=3, fontsize=8)
    _save(figure, path)


def _spread(y: float, count: int) -> Sequence[float]:
    """Heights of `count` lines about y."""
    return [y + 0.36 * ((i + 0.5) / count - 0.5) for i in range(count)]


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
