"""A report as a table, JSON, CSV, Markdown and HTML."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2
from rich.table import Table

from qvunet.reports.depth.compile import Lowering
from qvunet.reports.depth.metrics import NAMES
from qvunet.reports.depth.noise import NoiseError
from qvunet.reports.depth.study import Case, ratio
from qvunet.runs.environment import describe_environment
from qvunet.tools.files import write_text

HEADINGS = {
    "two_qubit_gates": "2q gates",
    "two_qubit_depth": "2q depth",
    "depth": "depth",
    "swaps": "SWAPs",
    "duration_us": "µs",
    "success": "success",
    "success_idle": "with idling",
    "seconds": "compile s",
}
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        title: of the report.
        notes: what a reader must know, a sentence or two each.
        settings: that it was made with.
        cases: compiled.
        errors: under noise, if asked for.
        plot: file name of the plot.
    """

    title: str
    notes: Sequence[str]
    settings: dict[str, Any]
    cases: Sequence[Case]
    errors: Sequence[NoiseError]
    plot: str = "depth.png"

    def rows(self) -> list[list[str]]:
        """The cells of the table: medians, and the best seed in brackets."""
        return [
            [case.ansatz, str(case.layers), case.lowering]
            + [_cell(case, metric) for metric in HEADINGS]
            + [_ratio(ratio(case, self.cases, metric, to)) for metric, to in self._ratios()]
            for case in self.cases
        ]

    def headings(self) -> list[str]:
        """Of the columns."""
        ratios = [f"{HEADINGS[metric]} / {to}" for metric, to in self._ratios()]
        return ["ansatz", "layers", "lowering", *HEADINGS.values(), *ratios]

    def _ratios(self) -> list[tuple[str, Lowering]]:
        """Which metrics are shown over those of which of Qiskit's lowerings."""
        stock: list[Lowering] = ["stock", "stock_bound"]
        made = {case.lowering for case in self.cases}
        return [
            (metric, to) for to in stock if to in made for metric in ("two_qubit_gates", "two_qubit_depth")
        ]

    def error_rows(self) -> list[list[str]]:
        """The cells of the table of errors under noise."""
        return [
            [
                error.ansatz,
                str(error.layers),
                error.lowering,
                f"{error.rmse:.4f} ({error.interval[0]:.4f} to {error.interval[1]:.4f})",
                f"{error.ratio:.2f} ({error.ratio_interval[0]:.2f} to {error.ratio_interval[1]:.2f})",
            ]
            for error in self.errors
        ]


ERROR_HEADINGS = ("ansatz", "layers", "lowering", "RMS error of <Z> (95 %)", "to the first (95 %)")


def tables(report: Report) -> list[Table]:
    """For the terminal."""
    made = [_table(report.title, report.headings(), report.rows())]
    if report.errors:
        made.append(_table("Error under noise", ERROR_HEADINGS, report.error_rows()))
    return made


def write(report: Report, out: Path) -> None:
    """Write depth.json, depth.csv, depth.md and depth.html; the plot and drawings are there already."""
    paths = [out / f"depth.{suffix}" for suffix in ("json", "csv", "md", "html")]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = lambda name: _data_uri(out / name)
    contents = [
        json.dumps(_document(report), indent=1),
        _csv(report.cases),
        *(
            environment.get_template(f"depth.{suffix}.j2").render(
                report=report, error_headings=ERROR_HEADINGS, drawn=drawn(report.cases)
            )
            for suffix in ("md", "html")
        ),
    ]
    for path, content in zip(paths, contents, strict=True):
        write_text(path, content)


def drawn(cases: Sequence[Case]) -> list[Case]:
    """Those with the fewest layers; larger circuits are not legible."""
    least = min(case.layers for case in cases)
    return [case for case in cases if case.layers == least]


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    made = Table(title=title, title_justify="left", title_style="bold")
    for k, heading in enumerate(headings):
        made.add_column(heading, justify="left" if k < 3 else "right", no_wrap=k < 3)
    for row in rows:
        made.add_row(*row)
    return made


def _cell(case: Case, metric: str) -> str:
    return f"{_number(case.median(metric))} ({_number(case.best_of(metric))})"


def _number(value: float) -> str:
    if float(value).is_integer():
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.1f}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _document(report: Report) -> dict[str, Any]:
    return {
        "title": report.title,
        "notes": list(report.notes),
        "settings": report.settings,
        "environment": describe_environment(),
        "cases": [
            {
                "ansatz": case.ansatz,
                "layers": case.layers,
                "lowering": case.lowering,
                "best_qubits": list(case.qubits),
                "median": {name: case.median(name) for name in NAMES},
                "best": {name: case.best_of(name) for name in NAMES},
                "ratio_to_stock": {name: ratio(case, report.cases, name) for name in NAMES},
                "ratio_to_stock_bound": {
                    name: ratio(case, report.cases, name, "stock_bound") for name in NAMES
                },
                "seeds": [asdict(seed) for seed in case.seeds],
            }
            for case in report.cases
        ],
        "noise_errors": [asdict(error) for error in report.errors],
    }


def _csv(cases: Sequence[Case]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["ansatz", "layers", "lowering", "seed", *NAMES])
    for case in cases:
        for k, seed in enumerate(case.seeds):
            writer.writerow([case.ansatz, case.layers, case.lowering, k, *asdict(seed).values()])
    return text.getvalue()


def _data_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
