"""Results as plots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from qvunet.reports.shots.executors import Executor
from qvunet.reports.shots.store import Record
from qvunet.reports.shots.tables import eps_by_shots, flat_rows
from qvunet.tools.figures import running_mean
from qvunet.tools.files import replacing

GUIDE = {"color": "black", "linestyle": "--", "linewidth": 1}
"""Lines of what theory says."""

MARKERS = "osD^vP*X"

SMOOTHING = 10
"""Steps that a drawn training loss averages over."""

PANEL = (4.6, 3.6)
"""Inches of one panel."""


def draw_layer_error(records: Sequence[Record], path: Path) -> None:
    """RMSE of <Z> against shots, a panel a circuit, with the line of pure shot noise."""
    circuits = _grouped(records, lambda r: (r["spec"]["ansatz"], r["spec"]["num_layers"]))
    executors = sorted({_executor(record) for record in records}, reverse=True)
    figure, panels = _panels(-(-len(circuits) // 2), min(2, len(circuits)), width=5.5)
    for axes in panels[len(circuits) :]:
        axes.remove()
    for axes, ((ansatz, layers), group) in zip(panels, circuits.items(), strict=False):
        exact = max((record["result"]["points"] for record in group), key=len)
        axes.loglog(*_columns(exact, "shots", "expected"), label="sqrt((1 - <Z>²) / shots)", **GUIDE)
        for record in group:
            points, label = record["result"]["points"], _executor(record)
            number = executors.index(label)
            style = {"color": f"C{number}", "marker": MARKERS[number], "fillstyle": "none", "label": label}
            error = [2 * point["rmse_error"] for point in points]
            axes.errorbar(*_columns(points, "shots", "rmse"), yerr=error, linestyle="", capsize=2, **style)
        axes.set(title=f"{ansatz}, layers: {layers}", xlabel="shots", ylabel="RMSE of <Z>")
    _legend_below(figure, panels, columns=4)
    _save(figure, path)


def _executor(record: Record) -> str:
    return Executor.model_validate(record["spec"]["executor"]).label


def draw_eps_error(records: Sequence[Record], path: Path) -> None:
    """RMSE of eps against shots for all networks, and by timestep for the most sensitive trained one."""
    figure, (by_shots, by_time) = _panels(1, 2, width=6.5, height=5)
    rows = eps_by_shots(records)
    for number, record in enumerate(records):
        points = [row for row in rows if row["measurement"] == record["title"]]
        trained = record["spec"]["network"]["source"] == "trained"
        style = {
            "color": f"C{number % 10}",
            "marker": MARKERS[number % len(MARKERS)],
            "markersize": 5,
            "linewidth": 2.0 if trained else 0.8,
        }
        by_shots.loglog(*_columns(points, "shots", "rmse"), label=record["title"], **style)
    middle = sorted(rows, key=lambda row: row["rmse"])[len(rows) // 2]
    shots = sorted({row["shots"] for row in rows})
    guide = [middle["rmse"] * (middle["shots"] / count) ** 0.5 for count in shots]
    by_shots.loglog(shots, guide, label="proportional to 1 / sqrt(shots)", **GUIDE)
    by_shots.set(title="all timesteps", xlabel="shots", ylabel="RMSE of eps")
    trained = [record for record in records if record["spec"]["network"]["source"] == "trained"]
    _eps_by_time(by_time, max(trained or records, key=lambda r: r["result"]["points"][0]["rmse"]))
    by_time.set(xlabel="timestep", ylabel="RMSE of eps / error of the exact network", yscale="log")
    by_time.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _legend_below(figure, [by_shots], columns=3)
    _save(figure, path)


def _eps_by_time(axes: Axes, record: Record) -> None:
    points = record["result"]["points"]
    for shots in sorted({point["shots"] for point in points}):
        some = [point for point in points if point["shots"] == shots]
        ratio = [point["rmse"] / point["own_error"] for point in some]
        axes.plot([p["timestep"] for p in some], ratio, marker="o", markersize=4, label=f"{shots:,} shots")
    axes.set_title(record["title"], fontsize=9)


def draw_gradients(records: Sequence[Record], of: str, path: Path) -> None:
    """Cosine, variance and bias against executions, a column a circuit.

    A bias that cannot be told from 0 is drawn hollow, at the limit of what would be seen.
    """
    figure, panels = _panels(3, len(records), width=3.4, height=2.9)
    order = list(dict.fromkeys(row["method"] for row in flat_rows(records)))
    for column, record in enumerate(records):
        cosine, variance, bias = (panels[row * len(records) + column] for row in range(3))
        points = [point for point in record["result"]["points"] if point["of"] == of]
        for method, some in _grouped(points, lambda point: point["method"]).items():
            number = order.index(method)
            style = {"color": f"C{number}", "marker": MARKERS[number], "markersize": 5}
            error = [2 * point["cosine_error"] for point in some]
            cosine.errorbar(
                *_columns(some, "executions", "cosine"), yerr=error, capsize=2, label=method, **style
            )
            variance.loglog(*_columns(some, "executions", "variance"), **style)
            _draw_bias(bias, some, style)
        top = max(point["variance"] for point in points if point["method"] == "param_shift")
        budgets = sorted({point["executions"] for point in points})
        variance.loglog(budgets, [top * budgets[0] / n for n in budgets], **GUIDE, label="1 / executions")
        variance.legend(fontsize=7)
        cosine.set_title(record["title"], fontsize=9)
        cosine.set(xscale="log", ylabel=f"cosine ({of})")
        variance.set_ylabel("variance / |exact|²")
        bias.set(xscale="log", yscale="log", ylabel="bias / |exact|", xlabel="executions a row")
    _legend_below(figure, panels[: len(records)], columns=5)
    _save(figure, path)


def _draw_bias(axes: Axes, points: Sequence[dict[str, Any]], style: dict[str, Any]) -> None:
    seen = [point for point in points if point["bias"] > point["bias_limit"]]
    unseen = [point for point in points if point not in seen]
    style = style | {"linestyle": ""}
    axes.plot(*_columns(seen, "executions", "bias"), **style)
    axes.plot(*_columns(unseen, "executions", "bias_limit"), markerfacecolor="none", **style)


def draw_training(records: Sequence[Record], path: Path) -> None:
    """Loss against steps, and how far each run is from the exact one of the same network."""
    networks = _grouped(records, lambda record: record["spec"]["network"]["ansatz"])
    figure, panels = _panels(len(networks), 2, width=6)
    for row, (ansatz, group) in enumerate(networks.items()):
        losses, ratios = panels[2 * row : 2 * row + 2]
        exact = next((r["result"]["loss"] for r in group if r["spec"]["shots"] is None), None)
        for number, record in enumerate(group):
            spec, smooth = record["spec"], running_mean(record["result"]["loss"], SMOOTHING)
            shots = "" if spec["shots"] is None else f", {spec['shots']:,} shots"
            style = {"color": f"C{number % 10}", "label": f"{record['result']['method']}{shots}"}
            style["linestyle"] = ("-", "--", ":")[number % 3]
            losses.semilogy(range(1, len(smooth) + 1), smooth, **style)
            if exact is not None and spec["shots"] is not None:
                difference = [
                    100 * (a / b - 1) for a, b in zip(smooth, running_mean(exact, SMOOTHING), strict=False)
                ]
                ratios.plot(range(1, len(difference) + 1), difference, **style)
        hybrid = group[0]["spec"]["network"]["hybridization"]
        losses.set(
            title=f"{ansatz}, {hybrid:.0%}", xlabel="step", ylabel=f"training loss, mean of {SMOOTHING} steps"
        )
        ratios.axhline(0, **GUIDE)
        ratios.set(title="difference to exact circuits", xlabel="step", ylabel="loss against exact, %")
    _legend_below(figure, panels[::2], columns=4)
    _save(figure, path)


def draw_images(records: Sequence[Record], path: Path) -> None:
    """KID with intervals, its difference to exact circuits, and the distance of the pixels."""
    figure, (kid, difference, pixels) = _panels(1, 3)
    for number, record in enumerate(records):
        rows, result = flat_rows([record]), record["result"]
        counted = [row for row in rows if row["shots"] is not None]
        shots = [row["shots"] for row in counted]
        style = {"color": f"C{number}", "marker": MARKERS[number], "label": record["title"]}
        _intervals(kid, shots, [row["kid"] for row in counted], style)
        _intervals(difference, shots, [row["difference"] for row in counted], style)
        pixels.loglog(shots, [row["pixel_rmse"] for row in counted], **style)
        guide = [counted[0]["pixel_rmse"] * (shots[0] / count) ** 0.5 for count in shots]
        pixels.loglog(shots, guide, **GUIDE, label="1 / sqrt(shots)")
        exact = next(row["kid"] for row in rows if row["shots"] is None)
        kid.axhspan(exact["low"], exact["high"], color=f"C{number}", alpha=0.15)
        kid.axhline(exact["value"], color=f"C{number}", label="exact circuits, with interval")
        kid.axhline(result["floor"], color="gray", linestyle=":", label="real against real")
    difference.axhline(0, **GUIDE)
    kid.set(ylabel="KID", title="quality")
    difference.set(ylabel="KID minus KID of exact circuits", title="difference, same seeds")
    pixels.set(ylabel="RMSE of pixels in [-1, 1]", title="distance to the exact circuits' images")
    for axes in (kid, difference, pixels):
        axes.set(xlabel="shots", xscale="log")
    _legend_below(figure, [kid, pixels], columns=5)
    _save(figure, path)


def _intervals(
    axes: Axes, shots: list[int], estimates: list[dict[str, float]], style: dict[str, Any]
) -> None:
    values = [estimate["value"] for estimate in estimates]
    below = [estimate["value"] - estimate["low"] for estimate in estimates]
    above = [estimate["high"] - estimate["value"] for estimate in estimates]
    axes.errorbar(shots, values, yerr=[below, above], capsize=3, linestyle="", **style)


def _panels(rows: int, columns: int, width: float = PANEL[0], height: float = PANEL[1]) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.grid(alpha=0.3, which="both", linewidth=0.5)
    return figure, panels


def _legend_below(figure: Figure, panels: Sequence[Axes], columns: int) -> None:
    """One legend for panels that share their labels."""
    entries: dict[str, Artist] = {}
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    figure.legend(
        entries.values(),
        entries.keys(),
        loc="outside lower center",
        ncols=columns,
        fontsize=8,
    )


def _save(figure: Figure, path: Path) -> None:
    for axes in figure.axes:
        if axes.get_xscale() == "log":  # labels between the powers of ten would collide
            axes.xaxis.set_minor_formatter(NullFormatter())
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)


def _grouped(items: Sequence[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _columns(points: Sequence[dict[str, Any]], *keys: str) -> list[list[Any]]:
    return [[point[key] for point in points] for key in keys]
