"""The report: Markdown and HTML with two figures, and the figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from qvunet.evaluation.intervals import Estimate
from qvunet.reports.mitigation.comparison import Row, compare, recommended
from qvunet.reports.mitigation.methods import METHODS
from qvunet.reports.mitigation.plots import draw_costs, draw_strips
from qvunet.reports.shots.store import Record
from qvunet.tools.files import write_text
from qvunet.tools.page import html_page

TEMPLATE = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
).get_template("mitigation.md.j2")


def write_report(out: Path, records: Sequence[Record]) -> tuple[Path, Path]:
    """Write everything that follows from the drawings.

    Args:
        out: directory.
        records: of drawings of one network on one device.

    Returns:
        The Markdown file and the HTML file.
    """
    rows = compare(records)
    draw_costs(rows, out / "costs.png")
    draw_strips(rows, out / "pictures.png")
    settings = [(row.shots, row.steps) for row in rows]
    shots, steps = max(settings, key=settings.count)  # where the methods are compared
    text = TEMPLATE.render(
        spec=records[0]["spec"],
        rows=[cells(row) for row in rows],
        recommended=recommended([row for row in rows if (row.shots, row.steps) == (shots, steps)]),
        methods=METHODS,
        environment=records[0]["environment"],
    )
    markdown, html = out / "mitigation.md", out / "mitigation.html"
    write_text(markdown, text)
    write_text(html, html_page(text, out, "Error mitigation"))
    figures = [{key: value for key, value in asdict(row).items() if key != "record"} for row in rows]
    write_text(out / "mitigation.json", json.dumps(figures, indent=1) + "\n")
    return markdown, html


HEADINGS = ("method", "shots", "steps", "QPU s", "distance", "over none", "in all", "by steps alone")


def cells(row: Row) -> list[str]:
    """Of a table's row, below `HEADINGS`."""
    return [
        row.method,
        f"{row.shots:,}",
        str(row.steps),
        f"{row.qpu_seconds:.1f}",
        _text(row.distance),
        "" if row.over_none is None else _text(row.over_none),
        _text(row.in_all),
        f"{row.steps_alone:.3f}",
    ]


def _text(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
