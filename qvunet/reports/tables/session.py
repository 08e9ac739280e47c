"""A session: the cells one after another, or several at a time; one that fails does not stop the others."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path

from rich.console import Console

from backends.errors import ExecutionError, UserError
from qvunet.reports.tables.cell import is_done, require_same_training, run_cell
from qvunet.reports.tables.grid import Cell
from qvunet.tools.workers import HERE, Workers


def run_cells(
    cells: Sequence[Cell],
    budget: str,
    console: Console,
    workers: Workers = HERE,
    seconds: float | None = None,
) -> list[Cell]:
    """Bring every cell to its result.

    Args:
        cells: donors first.
        budget: its name.
        console: told what is done already, what is done now and what fails.
        workers: train a cell at a time, each of which gives the same result with any number of them. They
            must see the cells' directories and data, by the same paths.
        seconds: after so many no further cell is begun; None begins all.

    Returns:
        The cells that failed or were not begun.

    Raises:
        UserError: before anything is trained, if a directory was made with another config.
        KeyboardInterrupt: after Ctrl-C.
    """
    require_same_training(cells)
    end = time.monotonic() + (float("inf") if seconds is None else seconds)
    labels = {str(cell): f"[{number}/{len(cells)}] {cell}" for number, cell in enumerate(cells, start=1)}
    todo = {}
    for cell in cells:
        if is_done(cell):
            _note(console, labels[str(cell)], "done before")
        else:
            todo[str(cell)] = cell
    jobs = [(Path.cwd(), cell, budget, labels[name]) for name, cell in todo.items()]
    unfinished, not_done = set(todo), dict(todo)

    def may_begin(job: tuple[Path, Cell, str, str]) -> bool:
        donor = job[1].donor
        return time.monotonic() < end and (donor is None or str(donor) not in unfinished)

    for (_, cell, _, label), future in workers.run(_run, jobs, may_begin):
        unfinished.discard(str(cell))
        # An exception is that of workers which died, such as those that the system killed for their memory.
        failure = future.exception() or future.result()
        _note(console, label, f"failed: {failure}" if failure else "done")
        if not failure:
            del not_done[str(cell)]
    return list(not_done.values())


def _run(directory: Path, cell: Cell, budget: str, label: str) -> str | None:
    """What went wrong, if something did; the cell has its result else."""
    console = Console(stderr=True)
    try:
        with chdir(directory):
            run_cell(cell, budget, lambda text: _note(console, label, text))
    except (UserError, ExecutionError) as error:
        return str(error)
    except Exception:  # whatever it was, the next cell may be fine
        return traceback.format_exc()
    return None


def _note(console: Console, label: str, text: str) -> None:
    console.print(f"{label}: {text}", markup=False, highlight=False, soft_wrap=True)
