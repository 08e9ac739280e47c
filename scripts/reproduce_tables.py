"""Train and evaluate a grid of networks, dataset x variant x seed, and write a report.

A budget says what is trained and how long: smoke takes minutes on two cores, laptop hours, paper days; see
configs/tables/. After an interruption run the same command again: finished cells are kept, half-done ones
go on. A cell that fails is reported, the others are done, and the exit code is 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from backends.errors import UserError
from qvunet.cli import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USER_ERROR

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(
    budget: Annotated[
        str, typer.Option(metavar="NAME", help="smoke, laptop, paper, or a YAML file like theirs.")
    ] = "smoke",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Directory of the cells; runs/tables/NAME if not given."),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these of the budget's datasets.")
    ] = None,
    variants: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these of configs/tables/variants.yaml.")
    ] = None,
    seeds: Annotated[str | None, typer.Option(metavar="0,1", help="In place of the budget's.")] = None,
    data_images: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Images in MNIST's format, in place of the dataset's download."),
    ] = None,
    data_labels: Annotated[Path | None, typer.Option(metavar="FILE", help="Their labels.")] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where copies of the results and the report go; --out if not given."
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Networks that are trained at a time, each in a process.")
    ] = 1,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="After so many seconds no further cell is begun.")
    ] = None,
    only_report: Annotated[
        bool, typer.Option("--only-report", help="Train nothing: the report of the results in --out.")
    ] = False,
) -> None:
    try:
        failed = _reproduce(
            budget,
            out or Path("runs", "tables", Path(budget).stem),
            report,
            only_report,
            datasets=_names(dataset),
            variants=_names(variants),
            seeds=_numbers(seeds),
            files=_files(data_images, data_labels),
            workers=workers,
            seconds=seconds,
        )
    except UserError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(EXIT_USER_ERROR) from None
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command goes on from here", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    raise typer.Exit(EXIT_FAILURE if failed else 0)


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
    workers: int,
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
        typer.echo(path)
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


if __name__ == "__main__":
    app()
