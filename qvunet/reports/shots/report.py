"""The report: Markdown and HTML, with the plots and one CSV file a kind of measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from qvunet.reports.shots import findings, plots, tables
from qvunet.reports.shots.pictures import draw_pictures
from qvunet.reports.shots.store import Record
from qvunet.tools.files import write_text
from qvunet.tools.page import html_page

TEMPLATE = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
).get_template("report.md.j2")

CONCLUSION_FILE = "conclusion.md"
"""Written by hand, in the output directory; the report begins with it."""

Drawing = Callable[[Sequence[Record], Path], None]


@dataclass(frozen=True)
class Section:
    """What becomes of one kind of measurement.

    Attributes:
        findings: sentences.
        rows: for CSV.
        tables: for people, by name.
        drawings: by name of the file.
    """

    findings: Callable[[Sequence[Record]], Iterator[str]]
    rows: Callable[[Sequence[Record]], tables.Rows]
    tables: dict[str, Callable[[Sequence[Record]], tables.Table]]
    drawings: dict[str, Drawing]


def _gradients_of(what: str) -> tuple[Callable[[Sequence[Record]], tables.Table], Drawing]:
    return (
        lambda records: tables.gradient_table(records, what),
        lambda records, path: plots.draw_gradients(records, what, path),
    )


_WEIGHTS, _INPUTS = _gradients_of("weights"), _gradients_of("inputs")

SECTIONS = {
    "layer_error": Section(
        findings.layer_findings,
        tables.flat_rows,
        {"rmse": tables.layer_table},
        {"layer_error.png": plots.draw_layer_error},
    ),
    "eps_error": Section(
        findings.eps_findings,
        tables.flat_rows,
        {"rmse": tables.eps_table},
        {"eps_error.png": plots.draw_eps_error},
    ),
    "gradients": Section(
        findings.gradient_findings,
        tables.flat_rows,
        {"weights": _WEIGHTS[0], "inputs": _INPUTS[0]},
        {"gradients_weights.png": _WEIGHTS[1], "gradients_inputs.png": _INPUTS[1]},
    ),
    "training_curves": Section(
        findings.training_findings,
        tables.training_rows,
        {"losses": tables.training_table},
        {"training_curves.png": plots.draw_training},
    ),
    "images": Section(
        findings.image_findings,
        tables.image_rows,
        {"kid": tables.image_table},
        {"images.png": plots.draw_images, "pictures.png": draw_pictures},
    ),
}
"""By kind, in the report's order."""


def write_report(out: Path, records: Sequence[Record]) -> tuple[Path, Path]:
    """Write everything that follows from the results.

    Args:
        out: directory.
        records: results of any of the kinds.

    Returns:
        The Markdown file and the HTML file.
    """
    reported: dict[str, dict[str, Any]] = {}
    for kind, section in SECTIONS.items():
        found = [record for record in records if record["kind"] == kind]
        if not found:
            continue
        write_text(out / f"{kind}.csv", tables.as_csv(section.rows(found)))
        for name, draw in section.drawings.items():
            draw(found, out / name)
        reported[kind] = {
            "findings": list(section.findings(found)),
            "tables": {name: make(found) for name, make in section.tables.items()},
            "records": found,
        }
    conclusion = out / CONCLUSION_FILE
    text = TEMPLATE.render(
        conclusion=conclusion.read_text(encoding="utf-8").strip() if conclusion.is_file() else "",
        kinds=reported,
        environments=_environments(records),
    )
    markdown, html = out / "README.md", out / "report.html"
    write_text(markdown, text)
    write_text(html, html_page(text, out, "Shot noise"))
    return markdown, html


def _environments(records: Sequence[Record]) -> list[str]:
    """Versions, once each, with the commits that they were used at."""
    commits: dict[str, list[str]] = {}
    for each in (record["environment"] for record in records):
        versions = ", ".join(f"{name} {version}" for name, version in each["versions"].items())
        found = commits.setdefault(f"Python {each['python']}, {versions}; {each['platform']}", [])
        if (commit := str(each["commit"])) not in found:
            found.append(commit)
    return [f"{described}; commits {', '.join(found)}" for described, found in commits.items()]
