"""Tables on the console; plain text where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

PLAIN_WIDTH = 160
"""Columns where there is no terminal to ask for its width."""

TableOf = tuple[str, Sequence[str], Iterable[Sequence[str]]]
"""Title; columns, of which those that end in > hold figures; rows."""


def print_tables(tables: Iterable[TableOf], console: Console | None = None) -> None:
    """Print tables one after another.

    Args:
        tables: what to print.
        console: where to; by default stdout.
    """
    console = console or Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    style = box.SIMPLE_HEAD if console.is_terminal else None
    for title, columns, rows in tables:
        table = Table(title=title, title_justify="left", title_style="bold", box=style, pad_edge=False)
        for column in columns:
            table.add_column(column.rstrip(">"), justify="right" if column.endswith(">") else "left")
        for row in rows:
            table.add_row(*row)
        console.print(table, "", highlight=False)
