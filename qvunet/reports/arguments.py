"""What the command lines of the reports share: `qvunet report NAME`.

`nargs="+"`, as in `--layers 1 2 3`, is why these are argparse's and not typer's. Each report has a module
`command` with a function `main`: it takes the arguments and returns the exit status. What it imports at the
top is light, so that `--help` and bad arguments need not wait for torch and Qiskit.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from qvunet.tools.workers import Workers


def parser(report: str, description: str | None) -> argparse.ArgumentParser:
    """A parser whose help shows defaults."""
    return argparse.ArgumentParser(
        prog=f"qvunet report {report}",
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )


def positive(text: str) -> int:
    """A whole number above 0.

    Raises:
        argparse.ArgumentTypeError: if the text is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def add_workers(options: argparse.ArgumentParser, pieces: str) -> None:
    """Add `--workers` and `--scheduler`; `workers_of` reads them.

    Args:
        options: of the report.
        pieces: what is done several at a time, as the help names it.
    """
    options.add_argument(
        "--workers", type=positive, default=1, metavar="N", help=f"{pieces} at a time, a process each"
    )
    options.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster, whose workers do that instead"
    )


def workers_of(options: argparse.Namespace) -> Workers:
    """Where the pieces of a report are done.

    Raises:
        UserError: if the options exclude each other or Dask is needed and missing.
    """
    return Workers(options.workers, options.scheduler)


def table_console(piped_width: int) -> Console:
    """Where tables are printed.

    Args:
        piped_width: characters of a line where no terminal says how many fit.
    """
    return Console(width=None if sys.stdout.isatty() else piped_width)
