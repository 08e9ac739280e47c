"""Influence as Markdown, as one HTML page and as pictures, from what influence.json holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from qvunet.influence.ablations import BESIDE, CIRCUITS, VERTEX
from qvunet.influence.change import percent, plain_percent
from qvunet.tools.files import replacing, write_text
from qvunet.tools.page import html_page

LINEAR_UP_TO = 0.01
"""Per cent; smaller changes are drawn to scale, larger ones on a logarithmic axis."""

COLORS = {CIRCUITS: "#2b6cb0", BESIDE: "#b7791f", VERTEX: "#718096"}


def write_pages(influence: dict[str, Any], directory: Path) -> None:
    """Write influence.md, influence.html and their two pictures.

    Args:
        influence: the content of influence.json.
        directory: where that lies.
    """
    _save(_bars(influence), directory / "influence.png")
    _save(_levels(influence), directory / "by_level.png")
    rows, whole = influence["ablations"], _whole(influence)
    markdown = _template().render(
        **influence,
        whole=whole,
        places=[row for row in rows if row not in whole],
        with_kid=any(row["kid_change"] is not None for row in rows),
    )
    write_text(directory / "influence.md", markdown)
    title = f"Influence of the circuits: {influence['title']}"
    write_text(directory / "influence.html", html_page(markdown, directory, title))


def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {"percent": percent, "plain_percent": plain_percent}
    return environment.get_template("influence.md.j2")


def _whole(influence: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in influence["ablations"] if row["where"] in COLORS]


def _label(row: dict[str, Any]) -> str:
    return {
        CIRCUITS: f"circuits: {row['kind']}",
        BESIDE: "convolutions beside\nthe circuits: zero",
        VERTEX: "the whole vertex: zero",
    }[row["where"]]


def _bars(influence: dict[str, Any]) -> Figure:
    rows = _whole(influence)[::-1]
    figure = Figure(figsize=(7.5, 0.6 + 0.42 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(rows))
    values = [100 * row["loss_change"] for row in rows]
    errors = [[100 * (row["loss_change"] - row["low"]) for row in rows]]
    errors.append([100 * (row["high"] - row["loss_change"]) for row in rows])
    colors = [COLORS[row["where"]] for row in rows]
    axes.barh(places, values, xerr=errors, color=colors, height=0.62, ecolor="#1a202c", capsize=3)
    axes.set_yticks(places, [_label(row) for row in rows])
    axes.set_xscale("symlog", linthresh=LINEAR_UP_TO)
    axes.axvline(0, color="#1a202c", linewidth=0.8)
    axes.set_xlabel("change of the held-out loss, %")
    axes.grid(axis="x", alpha=0.3, linewidth=0.5)
    ends = [*values, *(100 * row["low"] for row in rows), *(100 * row["high"] for row in rows)]
    axes.set_xlim(min(-LINEAR_UP_TO, 1.3 * min(ends)), max(LINEAR_UP_TO, 1.3 * max(ends)))
    return figure


def _levels(influence: dict[str, Any]) -> Figure:
    rows = [row for row in _whole(influence) if row["kind"] in ("zero", "mean", "shuffled", "cosine")]
    figure = Figure(figsize=(7.5, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for row in rows:
        bands = row["by_timestep"]
        centers = [k + 0.5 for k in range(len(bands))]
        style = "-" if row["where"] == CIRCUITS else "--"
        values, low, high = ([100 * band[key] for band in bands] for key in ("loss_change", "low", "high"))
        (line,) = axes.plot(centers, values, style, marker=".", label=_label(row).replace("\n", " "))
        axes.fill_between(centers, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
    edges = [band["from"] for band in rows[0]["by_timestep"]] + [rows[0]["by_timestep"][-1]["to"]]
    axes.set_xticks(range(len(edges)), [f"{edge:.3g}" if edge < 100 else f"{edge:.0f}" for edge in edges])
    axes.set_yscale("symlog", linthresh=LINEAR_UP_TO)
    axes.set_xlabel("noise level (timestep or sigma), bands of equal probability in training")
    axes.set_ylabel("change of the loss, %")
    axes.grid(alpha=0.3, linewidth=0.5)
    figure.legend(fontsize="small", loc="outside lower center", ncols=3)
    return figure


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130)
