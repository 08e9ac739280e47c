from __future__ import annotations

import io

from rich.console import Console

from qvunet.tools import progress
from qvunet.tools.progress import ProgressReporter


def report(console: Console, updates: int = 4) -> str:
    with ProgressReporter("training", 4, "images", units_per_item=8, console=console) as reporter:
        for done in range(1, updates + 1):
            reporter.update(done, f"loss {1 / done:.2f}")
        reporter.note("a grid in /a/very/long/path" + "x" * 100 + "[1].png")
    return console.file.getvalue()


def test_plain_lines_are_few_and_the_last_is_never_missed(monkeypatch):
    text = report(Console(file=io.StringIO(), width=40))
    assert text.count("training") == 1
    assert "training 4/4  loss 0.25" in text
    assert "images/s  ETA 0:00:00" in text
    assert "\x1b" not in text
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    assert report(Console(file=io.StringIO())).count("training") == 4


def test_long_lines_are_not_broken():
    assert "x" * 100 + "[1].png" in report(Console(file=io.StringIO(), width=40))


def test_a_terminal_shows_a_bar():
    text = report(Console(file=io.StringIO(), width=120, force_terminal=True))
    assert "4/4" in text
    assert "images/s" in text
    assert "━" in text


def test_the_time_left_counts_from_where_the_session_began(monkeypatch):
    now = iter([0.0, 10.0, 10.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now, 10.0))
    console = Console(file=io.StringIO())
    with ProgressReporter("training", 200, "images", units_per_item=8, done=90, console=console) as reporter:
        reporter.update(100)
    assert "training 100/200  8.0 images/s  ETA 0:01:40" in console.file.getvalue()
