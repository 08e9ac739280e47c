"""The report, as Markdown and as HTML, from the results alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from backends.errors import UserError
from qvunet.influence.change import percent
from qvunet.reports.pairs import Pairs
from qvunet.reports.tables.figures import Rows, draw_kid, draw_losses
from qvunet.reports.tables.grid import Budget
from qvunet.reports.tables.result import RESULT_FILE, SAMPLES_FILE, Result, load_results
from qvunet.tools.files import replacing, write_text
from qvunet.tools.page import html_page

METRICS = ("kid", "fid", "inception_score", "precision", "recall")
"""Columns of the table of every figure."""

PICTURES_IN_A_ROW = 4

CONCLUSION_FILE = "conclusion.md"
"""Written by hand, beside the report; the report begins with it."""

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), undefined=StrictUndefined, trim_blocks=True
)


def copy_results(source: Path, target: Path) -> None:
    """Copy what the report is made from, without the run directories: a few kilobytes a cell."""
    for result in load_results(source):
        for name in (RESULT_FILE, SAMPLES_FILE):
            with replacing(target / result.directory / name) as temporary:
                shutil.copyfile(source / result.directory / name, temporary)


def write_report(out: Path, budget: Budget) -> tuple[Path, Path]:
    """Write `report.md`, `report.html` and `figures/` from the results below a directory.

    Args:
        out: directory of the cells' results, and of the report.
        budget: gives the order and titles of the variants.

    Returns:
        The Markdown file and the HTML file.

    Raises:
        UserError: if there is no result of that budget, or one is damaged.
    """
    results = [result for result in load_results(out) if result.budget == budget.name]
    if not results:
        raise UserError(
            f"{out}: no result of the budget {budget.name} yet; {RESULT_FILE} in the cells' directories"
        )
    datasets = [
        _dataset(out, name, [result for result in results if result.dataset == name], budget)
        for name in dict.fromkeys(result.dataset for result in results)
    ]
    conclusion = out / CONCLUSION_FILE
    text = TEMPLATES.get_template("report.md.j2").render(
        budget=budget,
        conclusion=conclusion.read_text(encoding="utf-8").strip() if conclusion.is_file() else "",
        datasets=datasets,
        unets=any(result.config["model"].get("kind", "unet") == "unet" for result in results),
        versions=_distinct(results, _versions),
    )
    markdown, html = out / "report.md", out / "report.html"
    write_text(markdown, text)
    write_text(html, html_page(text, out, f"Tables, budget {budget.name}"))
    return markdown, html


def _dataset(out: Path, name: str, results: list[Result], budget: Budget) -> dict[str, Any]:
    """What the template says about one dataset; its figures are drawn."""
    variants = list(dict.fromkeys([*budget.run, *sorted(budget.variants)]))
    by_variant = {
        variant: sorted((r for r in results if r.variant == variant), key=lambda r: r.seed)
        for variant in variants
    }
    by_variant = {variant: found for variant, found in by_variant.items() if found}
    seeds = sorted({result.seed for result in results})
    rows: Rows = {budget.variants[variant].title: found for variant, found in by_variant.items()}
    kid_figure, loss_figure = (f"figures/{name}_{what}.png" for what in ("kid", "loss"))
    draw_kid(rows, out / kid_figure)
    draw_losses(rows, out / loss_figure)
    return {
        "name": name,
        "training": "; ".join(_distinct(results, _training)),
        "evaluation": "; ".join(_distinct(results, _evaluation)),
        "absent": [budget.variants[each].title for each in budget.run if each not in by_variant],
        "seeds": seeds,
        "rows": [_row(title, found, seeds) for title, found in rows.items()],
        "floors": [_mean_floor([r for r in results if r.seed == seed], "kid") for seed in seeds],
        "floor": _mean_floor(results, "kid"),
        "all_floors": [_mean_floor(results, metric) for metric in METRICS],
        "comparisons": {figure: list(_comparisons(by_variant, seeds, budget, figure)) for figure in COMPARED},
        "cells": [_cell(title, result) for title, found in rows.items() for result in found],
        "samples": list(_pictures(rows)),
        "kid_figure": kid_figure,
        "loss_figure": loss_figure,
    }


def _row(title: str, results: list[Result], seeds: Sequence[int]) -> dict[str, Any]:
    first, by_seed = results[0], {result.seed: result for result in results}
    moved = fmean(result.circuit_change for result in results)
    return {
        "title": title,
        "classical": f"{first.parameters['classical']:,}",
        "quantum": f"{first.parameters['quantum']:,}",
        "steps": f"{first.steps:,} + {first.steps:,}"
        if first.config.get("init_from")
        else f"{first.steps:,}",
        "kids": [_estimate(by_seed[seed].evaluation["kid"]) if seed in by_seed else "" for seed in seeds],
        "mean": _number(fmean(result.evaluation["kid"]["value"] for result in results)),
        "loss": _number(fmean(result.final_loss for result in results)),
        "heldout": _heldout(results),
        "influence": _influence(results),
        "moved": _number(moved) if first.parameters["quantum"] else "",
        "seconds": _number(fmean(result.seconds_per_step for result in results)),
    }


def _heldout(results: Sequence[Result]) -> str:
    losses = [result.heldout_loss for result in results if result.heldout_loss is not None]
    return f"{fmean(losses):.4g}" if losses else ""


def _influence(results: Sequence[Result]) -> str:
    """The smallest and the largest of the seeds, in per cent."""
    changes = [result.influence.change for result in results if result.influence is not None]
    if not changes:
        return ""
    ends = dict.fromkeys(percent(change) for change in (min(changes), max(changes)))
    return " to ".join(ends)


def _cell(title: str, result: Result) -> dict[str, Any]:
    figures = [_estimate(result.evaluation[each]) if each in result.evaluation else "" for each in METRICS]
    return {"title": title, "seed": result.seed, "figures": figures, "loss": _number(result.final_loss)}


COMPARED: dict[str, Callable[[Result], float | None]] = {
    "KID": lambda result: result.evaluation["kid"]["value"],
    "held-out loss": lambda result: result.heldout_loss,
}
"""What is compared by pairs; None where a result does not know it."""


def _comparisons(
    by_variant: dict[str, list[Result]], seeds: Sequence[int], budget: Budget, figure: str
) -> Iterable[dict[str, Any]]:
    for variant, results in by_variant.items():
        for control in budget.variants[variant].compare_with:
            pairs = Pairs.of(_by_seed(results, figure), _by_seed(by_variant.get(control, ()), figure))
            if pairs is None:
                continue
            found = pairs.differences
            yield {
                "title": budget.variants[variant].title,
                "control": budget.variants[control].title,
                "differences": [_number(found[s], "+") if s in found else "" for s in seeds],
                "mean": _number(pairs.mean, "+"),
                "interval": _interval(pairs.mean, pairs.margin) if len(found) > 1 else "",
                "reading": pairs.reading,
            }


def _by_seed(results: Iterable[Result], figure: str) -> dict[int, float]:
    values = ((result.seed, COMPARED[figure](result)) for result in results)
    return {seed: value for seed, value in values if value is not None}


def _interval(mean: float, margin: float) -> str:
    return f"[{_number(mean - margin, '+')}, {_number(mean + margin, '+')}]"


def _pictures(rows: Rows) -> Iterable[dict[str, str]]:
    """Rows of a Markdown table, each a few cells' pictures under their titles."""
    cells = [(title, result) for title, results in rows.items() for result in results]
    cells.sort(key=lambda pair: pair[1].seed)
    for start in range(0, len(cells), PICTURES_IN_A_ROW):
        part = cells[start : start + PICTURES_IN_A_ROW]
        titles = [f"{title}, seed {result.seed}" for title, result in part]
        files = [(result.directory / SAMPLES_FILE).as_posix() for _, result in part]
        images = [f"![{title}]({file})" for title, file in zip(titles, files, strict=True)]
        yield {
            "titles": f"| {' | '.join(titles)} |",
            "rule": "|---" * len(part) + "|",
            "images": f"| {' | '.join(images)} |",
        }


def _training(result: Result) -> str:
    data, train = result.config["data"], result.config["train"]
    held_out = f", {100 * data['holdout']:g} % held out" if "holdout" in data else ""
    return f"{train['steps']:,} steps of {train['batch_size']} images (data: {data['name']}{held_out})"


def _evaluation(result: Result) -> str:
    how = result.evaluation
    accuracy = how["features"].get("accuracy")
    known = f" (accuracy {accuracy:.2%} on held-out images)" if accuracy is not None else ""
    shots = f", {how['shots']} shots" if how["shots"] else ""
    return (
        f"N = {how['num']:,} images by {how['sampler']} in {how['steps']} steps from seed {how['seed']}, "
        f"{how['features']['name']} features{known}, backend {how['backend']}{shots}"
    )


def _versions(result: Result) -> str:
    environment = result.environment
    versions = ", ".join(f"{name} {number}" for name, number in environment["versions"].items())
    where = f"commit {environment['commit']}; {environment['platform']}"
    return f"Python {environment['python']}, {versions}; {where}"


def _distinct(results: Iterable[Result], describe: Callable[[Result], str]) -> list[str]:
    """What is said of all results, once each."""
    return list(dict.fromkeys(map(describe, results)))


def _mean_floor(results: Sequence[Result], metric: str) -> str:
    floors = [result.evaluation[metric]["floor"] for result in results if metric in result.evaluation]
    return _number(fmean(floors)) if floors else ""


def _estimate(figure: dict[str, float]) -> str:
    return f"{_number(figure['value'])} [{_number(figure['low'])}, {_number(figure['high'])}]"


def _number(value: float, sign: str = "") -> str:
    """Three digits, never with an exponent where digits will do."""
    return f"{value:{sign}.0f}" if abs(value) >= 1000 else f"{value:{sign}.3g}"
