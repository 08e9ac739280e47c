"""`qvunet jobs`: what a run has submitted to hardware, from its journals alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from qvunet.runs.directory import RunDirectory

if TYPE_CHECKING:
    from backends.options import IbmRuntimeOptions
    from backends.records.journal import Journal, Record

_SECONDS = ("estimated", "used")
"""Columns of journals whose jobs are paid for by the second."""

_EXECUTIONS = ("executions",)
"""Those of the others."""


def journals(run: RunDirectory) -> list[Journal]:
    """The journals of a run's commands, in the order of their names.

    Raises:
        UserError: if a file of theirs is damaged.
    """
    from backends.records.journal import Journal

    return [Journal(path) for path in sorted(run.jobs.glob("*")) if path.is_dir()]


def follow_up(found: list[Journal], options: IbmRuntimeOptions, fetch: bool, cancel: bool) -> None:
    """Ask the service about jobs that have not ended; nobody is asked where there are none.

    Args:
        found: from `journals`; they are brought up to date, but for jobs on other services than IBM's.
        options: name the account.
        fetch: store what is finished.
        cancel: cancel what is not, after that.

    Raises:
        UserError: if there is no account, or a command of the run is running.
        ExecutionError: if the service cannot be reached or fails.
    """
    open_journals = [journal for journal in found if any(record.tags for record in journal.unfinished())]
    if not open_journals or not (fetch or cancel):
        return
    from backends.ibm.followup import FollowUp
    from backends.ibm.site import Account

    service = FollowUp(Account(options))
    for journal in open_journals:
        if fetch:
            service.fetch(journal)
        if cancel:
            service.cancel(journal)


def job_lines(found: list[Journal]) -> Iterator[str]:
    """A table of jobs for each journal, and a line with the sum of all."""
    for journal in found:
        yield f"{journal.directory}"
        unused = _EXECUTIONS if _by_seconds(journal.records) else _SECONDS
        columns = {heading: text for heading, text in _COLUMNS.items() if heading not in unused}
        rows = [tuple(columns), *(tuple(text(r) for text in columns.values()) for r in journal.records)]
        widths = [max(len(row[k]) for row in rows) for k in range(len(columns))]
        for row in rows:
            yield (
                "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            )
        yield from (f"  {record.name}: {record.error}" for record in journal.records if record.error)
    records = [record for journal in found for record in journal.records]
    if not records:
        yield "this run has submitted nothing"
        return
    states = Counter(record.status for record in records)
    parts = [", ".join(f"{number} {state}" for state, number in states.items())]
    if executions := sum(record.executions for record in records):
        parts.append(f"{executions:,} executions")
    if _by_seconds(records):
        estimated, used = sum(r.estimated_seconds for r in records), sum(r.qpu_seconds for r in records)
        parts.append(f"{estimated:.1f} s of QPU time estimated, {used:.1f} s used")
    yield f"in all: {'; '.join(parts)}"


def _by_seconds(records: Iterable[Record]) -> bool:
    """Whether any of some jobs is paid for by the second, as IBM's are."""
    return any(record.estimated_seconds for record in records)


def _when(record: Record) -> str:
    return (record.submitted or "-").removesuffix("+00:00").replace("T", " ")


_COLUMNS: dict[str, Callable[[Record], str]] = {
    "job": lambda record: record.name,
    "submitted (UTC)": _when,
    "device": lambda record: record.device,
    "state": lambda record: record.status,
    "executions": lambda record: f"{record.executions:,}",
    "estimated": lambda record: f"{record.estimated_seconds:.1f} s",
    "used": lambda record: f"{record.qpu_seconds:.1f} s",
    "id on the service": lambda record: record.job_id or "-",
}
