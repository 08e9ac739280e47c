"""Progress of long work: a live bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

SECONDS_BETWEEN_LINES = 10.0
"""Where there is no terminal, at most one line in this time."""


class ProgressReporter:
    """Shows how far work has come, its figures, its rate and the time left; writes to stderr.

    Args:
        title: what is being done.
        total: units of work in all.
        unit: plural name of the unit that `rate` counts, such as ``images``.
        units_per_item: those units in one unit of `total`.
        done: work that an earlier session has done.
        quiet: write nothing; for all processes but the first.
        console: where to write.
    """

    def __init__(
        self,
        title: str,
        total: float,
        unit: str,
        units_per_item: float = 1,
        done: float = 0,
        quiet: bool = False,
        console: Console | None = None,
    ):
        self.title = title
        self.total = total
        self.unit = unit
        self.units_per_item = units_per_item
        self.first = done
        self.console = console or Console(stderr=True, quiet=quiet)
        self.started = self.last_line = time.monotonic()
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task = self.bar.add_task(title, total=total, figures="")
        self.bar.update(self.task, completed=done)

    def __enter__(self) -> ProgressReporter:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def update(self, done: float, figures: str = "") -> None:
        """Report progress.

        Args:
            done: units of work finished.
            figures: other numbers worth seeing, such as the loss.
        """
        parts = [figures, *self._rate_and_time_left(done)]
        text = "  ".join(part for part in parts if part)
        self.bar.update(self.task, completed=done, figures=text)
        now = time.monotonic()
        if not self.console.is_terminal and (
            done >= self.total or now - self.last_line >= SECONDS_BETWEEN_LINES
        ):
            self.last_line = now
            self.note(f"{self.title} {done:.0f}/{self.total:.0f}  {text}")

    def note(self, message: str) -> None:
        """Print a line above the bar."""
        self.console.print(message, markup=False, highlight=False, soft_wrap=True)

    def _rate_and_time_left(self, done: float) -> list[str]:
        elapsed = time.monotonic() - self.started
        if done <= self.first or elapsed <= 0:
            return []
        rate = (done - self.first) / elapsed
        seconds = round((self.total - done) / rate)
        return [
            f"{rate * self.units_per_item:.1f} {self.unit}/s",
            f"ETA {seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}",
        ]
