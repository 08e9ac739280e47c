"""A session: the cells one after another; a cell that fails does not stop the others."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

from rich.console import Console

from backends.errors import ExecutionError, UserError
from qvunet.reports.tables.cell import is_done, require_same_training, run_cell
from qvunet.reports.tables.grid import Cell


def run_cells(cells: Sequence[Cell], budget: str, console: Console) -> list[Cell]:
    """Bring every cell to its result.

    Args:
        cells: donors first.
        budget: its name.
        console: told what begins, what is done already and what fails.

    Returns:
        The cells that failed.

    Raises:
        UserError: before anything is trained, if a directory was made with another config.
        KeyboardInterrupt: after Ctrl-C.
    """
    require_same_training(cells)
    failed = []
    for number, cell in enumerate(cells, start=1):
        label = f"[{number}/{len(cells)}] {cell}"

        def note(text: str, label: str = label) -> None:
            console.print(f"{label}: {text}", markup=False, highlight=False, soft_wrap=True)

        if is_done(cell):
            note("done before")
            continue
        try:
            run_cell(cell, budget, note)
            note("done")
        except (UserError, ExecutionError) as error:
            note(f"failed: {error}")
            failed.append(cell)
        except Exception:  # whatever it was, the next cell may be fine
            note(f"failed\n{traceback.format_exc()}")
            failed.append(cell)
    return failed
