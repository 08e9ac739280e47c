"""A session: the cells one after another, or several at a time; one that fails does not stop the others."""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

from rich.console import Console

from backends.errors import ExecutionError, UserError
from qvunet.reports.tables.cell import is_done, require_same_training, run_cell
from qvunet.reports.tables.grid import Cell


def run_cells(
    cells: Sequence[Cell], budget: str, console: Console, workers: int = 1, seconds: float | None = None
) -> list[Cell]:
    """Bring every cell to its result.

    Args:
        cells: donors first.
        budget: its name.
        console: told what begins, what is done already and what fails.
        workers: processes that train at a time; each cell gives the same result with any number of them.
        seconds: after so many no further cell is begun; None begins all.

    Returns:
        The cells that failed or were not begun.

    Raises:
        UserError: before anything is trained, if a directory was made with another config.
        KeyboardInterrupt: after Ctrl-C.
    """
    require_same_training(cells)
    end = time.monotonic() + (float("inf") if seconds is None else seconds)
    labels = {id(cell): f"[{number}/{len(cells)}] {cell}" for number, cell in enumerate(cells, start=1)}
    todo = []
    for cell in cells:
        if is_done(cell):
            _note(console, labels[id(cell)], "done before")
        else:
            todo.append(cell)
    jobs = [(cell, budget, labels[id(cell)]) for cell in todo]
    finished = _one_by_one(jobs, end) if workers == 1 else _in_processes(jobs, workers, end, console)
    done = {str(cell) for cell in finished}
    return [cell for cell in todo if str(cell) not in done]


_Job = tuple[Cell, str, str]


def _one_by_one(jobs: Sequence[_Job], end: float) -> Iterator[Cell]:
    """Cells as they are done."""
    for job in jobs:
        if time.monotonic() < end and _run(*job):
            yield job[0]


def _in_processes(jobs: Sequence[_Job], workers: int, end: float, console: Console) -> Iterator[Cell]:
    """Cells as they are done; none is begun before its donor is done, or after a process has died."""
    waiting = list(jobs)
    unfinished = {str(cell) for cell, _, _ in jobs}
    running: dict[Future[bool], _Job] = {}
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        while True:
            for job in list(waiting):
                donor = job[0].donor
                ready = donor is None or str(donor) not in unfinished
                if ready and len(running) < workers and time.monotonic() < end:
                    waiting.remove(job)
                    running[pool.submit(_run, *job)] = job
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell, _, label = running.pop(future)
                unfinished.discard(str(cell))
                if error := future.exception():  # such as a process that the system killed for its memory
                    _note(console, label, f"failed: {error}")
                    waiting.clear()
                elif future.result():
                    yield cell


def _run(cell: Cell, budget: str, label: str) -> bool:
    """Whether the cell has its result now."""
    console = Console(stderr=True)
    try:
        run_cell(cell, budget, lambda text: _note(console, label, text))
        _note(console, label, "done")
    except (UserError, ExecutionError) as error:
        _note(console, label, f"failed: {error}")
        return False
    except Exception:  # whatever it was, the next cell may be fine
        _note(console, label, f"failed\n{traceback.format_exc()}")
        return False
    return True


def _note(console: Console, label: str, text: str) -> None:
    console.print(f"{label}: {text}", markup=False, highlight=False, soft_wrap=True)
