"""What became of a command's jobs, asked after it has ended: values that wait, jobs that need not run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qiskit_ibm_runtime.exceptions import RuntimeInvalidStateError

from backends.errors import ExecutionError
from backends.ibm.answers import FINAL, IncompleteError, result_of, status_of, values_of
from backends.ibm.secrets import redact
from backends.ibm.site import Account
from backends.records.journal import Journal, Record


class FollowUp:
    """Looks after the jobs of journals.

    Args:
        account: that they were submitted with.
    """

    def __init__(self, account: Account) -> None:
        self.account = account

    def fetch(self, journal: Journal) -> None:
        """Enter what has come of each unfinished job.

        Raises:
            UserError: if the command of the journal is running.
            ExecutionError: if the service fails; what was learnt before is kept.
        """
        self._each(journal, self._fetch)

    def cancel(self, journal: Journal) -> None:
        """Cancel each unfinished job; one that has ended meanwhile is left for `fetch`.

        Raises:
            UserError, ExecutionError: as `fetch`.
        """
        self._each(journal, self._cancel)

    def _each(self, journal: Journal, act: Callable[[Journal, Record], None]) -> None:
        with journal.locked():
            for record in journal.unfinished():
                try:
                    act(journal, record)
                except Exception as error:
                    name = record.job_id or record.tags[-1]
                    raise ExecutionError(f"job {name} cannot be looked after: {redact(error)}") from None

    def _fetch(self, journal: Journal, record: Record) -> None:
        job = self._found(journal, record)
        if job is None or (status := status_of(job)) not in FINAL:
            return
        record.qpu_seconds = float(job.usage() or record.estimated_seconds)
        if status == "DONE":
            try:
                values = values_of(result_of(job), journal.rows(record))
            except IncompleteError as error:  # the command looks again before it submits another
                record.error = str(error)
            else:
                record.error = None
                journal.store(record, *values)
        else:
            record.status, record.error = "failed", redact(job.error_message() or status.lower())
        journal.write(record)

    def _cancel(self, journal: Journal, record: Record) -> None:
        job = self._found(journal, record)
        if job is None:
            return
        try:
            job.cancel()
        except RuntimeInvalidStateError:
            return
        record.status, record.error = "failed", "cancelled"
        record.qpu_seconds = float(job.usage())
        journal.write(record)

    def _found(self, journal: Journal, record: Record) -> Any | None:
        """The job, whose id is noted; None, and the record lost, if nobody knows it."""
        if record.device.startswith("fake_"):
            job = None  # a rehearsal, which ended with its process
        elif record.job_id is None:
            job = self.account.job_tagged(record.tags[-1])
        else:
            job = self.account.job(record.job_id)
        if job is None:
            record.status = "lost"
        else:
            record.job_id, record.status = job.job_id(), "submitted"
        journal.write(record)
        return job
