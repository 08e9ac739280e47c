"""The one error that is the user's to mend."""

from __future__ import annotations


class UserError(ValueError):
    """A bad argument, config key, file, credential or budget.

    The message names the key or file and says what is allowed; the command line prints it
    without a traceback and exits with status 2.
    """
