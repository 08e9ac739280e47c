"""`qvunet jobs`: what a run has submitted to hardware, from its journals alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from qvunet.runs.directory import RunDirectory

if TYPE_CHECKING:
    from backends.options import IbmRuntimeOptions
    from backends.records.journal import Journal, Record

_HEADINGS = ("job", "submitted (UTC)", "device", "state", "estimated", "used", "id on the service")


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
        found: from `journals`; they are brought up to date.
        options: name the account.
        fetch: store what is finished.
        cancel: cancel what is not, after that.

    Raises:
        UserError: if there is no account, or a command of the run is running.
        ExecutionError: if the service cannot be reached or fails.
    """
    open_journals = [journal for journal in found if journal.unfinished()]
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
        rows = [_HEADINGS, *(_row(record) for record in journal.records)]
        widths = [max(len(row[k]) for row in rows) for k in range(len(_HEADINGS))]
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
    estimated, used = (sum(map(seconds, records)) for seconds in (_estimated, _used))
    parts = ", ".join(f"{number} {state}" for state, number in states.items())
    yield f"in all: {parts}; {estimated:.1f} s of QPU time estimated, {used:.1f} s used"


def _row(record: Record) -> tuple[str, ...]:
    when = (record.submitted or "").removesuffix("+00:00").replace("T", " ")
    seconds = f"{_estimated(record):.1f} s", f"{_used(record):.1f} s"
    return record.name, when or "-", record.device, record.status, *seconds, record.job_id or "-"


def _estimated(record: Record) -> float:
    return record.estimated_seconds


def _used(record: Record) -> float:
    return record.qpu_seconds
