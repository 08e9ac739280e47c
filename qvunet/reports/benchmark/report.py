"""Results as tables and JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from qvunet.reports.benchmark.rounds import Effort
from qvunet.reports.benchmark.system import Case, Measured, Result
from qvunet.runs.environment import describe_environment
from qvunet.tools.files import write_text

PEER_PACKAGES = (
    "qiskit-machine-learning",
    "pennylane",
    "pennylane-lightning",
    "jax",
    "tensorcircuit-ng",
    "deepquantum",
    "flax",
    "optax",
)
"""Packages whose versions are recorded beside our own."""


def render(case: Case, results: Sequence[Result]) -> Group:
    """One case for the terminal: a table of what was timed, and a line for each system that was not."""
    made = Table(title=case.title, title_justify="left", title_style="bold")
    made.add_column("system", no_wrap=True)
    headings = ("samples", "first call", "median", "min", "ratio", "base MB", "peak MB", "deviation")
    for heading in headings:
        made.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        if result.status == "ok":
            made.add_row(*_row(result))
    others = [Text(f"{r.system}: {r.status}, {r.reason}") for r in results if r.status != "ok"]
    return Group(made, *others)


def _row(result: Result) -> list[str]:
    figures = result.summary()
    return [
        result.system,
        str(result.rows),
        _time(result.first_call_s),
        _time(figures["median_s"]),
        _time(figures["min_s"]),
        f"{figures['ratio']:.2f}" if "ratio" in figures else "",
        f"{result.base_mb:.0f}",
        f"{result.peak_mb:.0f}",
        "" if result.max_error is None else f"{result.max_error:.0e}",
    ]


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.2f} ms"


def write_json(path: Path, effort: Effort, suites: dict[str, Measured]) -> None:
    """Everything that was measured, with what it depends on."""
    document = {
        "environment": _environment(),
        "effort": asdict(effort),
        "suites": {name: [_case(*pair) for pair in measured] for name, measured in suites.items()},
    }
    write_text(path, json.dumps(document, indent=1))


def _case(case: Case, results: Sequence[Result]) -> dict[str, Any]:
    return {
        "title": case.title,
        "axis": case.axis,
        "value": case.value,
        "results": [asdict(result) | result.summary() for result in results],
    }


def _environment() -> dict[str, Any]:
    described = describe_environment()
    described["versions"] |= {name: _version(name) for name in PEER_PACKAGES}
    return described | {"cpu": _cpu(), "threads": len(os.sched_getaffinity(0))}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
