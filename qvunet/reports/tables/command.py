"""Train and evaluate a grid of networks, dataset x variant x seed, and write a report.

A budget says what is trained and how long: smoke takes minutes on two cores, laptop hours, paper days;
`qvunet configs tables/NAME` prints it. After an interruption run the same command again: finished cells are
kept, half-done ones go on. A cell that fails is reported, the others are done, and the exit code is 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from backends.errors import UserError
from qvunet.reports.arguments import add_workers, parser, workers_of
from qvunet.tools.workers import Workers

EXIT_FAILURE = 1
"""Of a command of which a cell failed."""


def main(arguments: Sequence[str]) -> int:
    """Train, evaluate and write the report; returns the exit status.

    Raises:
        UserError: naming the argument, budget or config that is wrong.
    """
    options = _parse(arguments)
    try:
        failed = _reproduce(
            options.budget,
            options.out or Path("runs", "tables", Path(options.budget).stem),
            options.report,
            options.only_report,
            datasets=_names(options.dataset),
            variants=_names(options.variants),
            seeds=_numbers(options.seeds),
            files=_files(options.data_images, options.data_labels),
            workers=workers_of(options),
            seconds=options.seconds,
        )
    except KeyboardInterrupt:
        Console(stderr=True).print("the same command goes on from here")
        raise
    return EXIT_FAILURE if failed else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    options = parser("tables", __doc__)
    options.add_argument(
        "--budget",
        metavar="NAME",
        default="smoke",
        help="smoke, laptop, cpu, paper, or a YAML file like theirs",
    )
    options.add_argument(
        "--out", type=Path, metavar="DIR", help="directory of the cells; runs/tables/NAME if not given"
    )
    options.add_argument("--dataset", metavar="A,B", help="only these of the budget's datasets")
    options.add_argument("--variants", metavar="A,B", help="only these of configs/tables/variants.yaml")
    options.add_argument("--seeds", metavar="0,1", help="in place of the budget's")
    options.add_argument(
        "--data-images",
        type=Path,
        metavar="FILE",
        help="images in MNIST's format, in place of the dataset's download",
    )
    options.add_argument("--data-labels", type=Path, metavar="FILE", help="their labels")
    options.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="where copies of the results and the report go; --out if not given",
    )
    add_workers(options, "networks trained")
    options.add_argument(
        "--seconds", type=float, metavar="S", help="after so many seconds no further cell is begun"
    )
    options.add_argument(
        "--only-report", action="store_true", help="train nothing: the report of the results in --out"
    )
    return options.parse_args(arguments)


def _reproduce(
    budget_name: str,
    out: Path,
    report: Path | None,
    only_report: bool,
    *,
    datasets: list[str] | None,
    variants: list[str] | None,
    seeds: list[int] | None,
    files: tuple[Path, Path] | None,
    workers: Workers,
    seconds: float | None,
) -> bool:
    """Whether a cell failed."""
    from qvunet.reports.tables.grid import load_budget, plan_cells
    from qvunet.reports.tables.report import copy_results, write_report

    console = Console(stderr=True)
    budget = load_budget(budget_name)
    failed = []
    if not only_report:
        from qvunet.reports.tables.session import run_cells  # imports torch

        cells = plan_cells(budget, out, datasets=datasets, variants=variants, seeds=seeds, files=files)
        failed = run_cells(cells, budget.name, console, workers, seconds)
        console.print(f"{len(cells) - len(failed)} cells done, {len(failed)} not", highlight=False)
        if len(failed) == len(cells):
            return True
    if report is not None and report.resolve() != out.resolve():
        copy_results(out, report)
    for path in write_report(report or out, budget):
        print(path)
    return bool(failed)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]


def _numbers(text: str | None) -> list[int] | None:
    names = _names(text)
    if names is not None and not all(name.isdecimal() for name in names):
        raise UserError(f"--seeds {text}: whole numbers from 0 on, separated by commas")
    return None if names is None else [int(name) for name in names]


def _files(images: Path | None, labels: Path | None) -> tuple[Path, Path] | None:
    if images is None and labels is None:
        return None
    if images is None or labels is None:
        raise UserError("--data-images and --data-labels: one needs the other")
    return images, labels
