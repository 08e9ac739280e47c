"""The errors whose message is all that a user needs."""

from __future__ import annotations


class UserError(ValueError):
    """A bad argument, config key, file, credential or budget.

    The message names the key or file and says what is allowed; the command line prints it
    without a traceback and exits with status 2.
    """


class ExecutionError(RuntimeError):
    """A failure while running that no change of the command would have prevented: a job, a connection.

    The message says what happened, what is kept and how to go on; the command line prints it without a
    traceback and exits with status 1.
    """
