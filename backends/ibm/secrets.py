"""Keeping tokens out of whatever we print or write."""

from __future__ import annotations

import os
import re
from contextlib import suppress

from qiskit_ibm_runtime.accounts import AccountManager

MAX_LENGTH = 500
"""A service's answer may be a page of HTML."""

_CREDENTIALS = re.compile(r"(?<=\b(?:Bearer|apikey) )[\w.~+/=-]{16,}|\beyJ[\w-]+\.[\w-]+\.[\w-]*")
"""What a header carries, and access tokens (JWT), which are not the user's but as good for an hour."""


def redact(text: object) -> str:
    """A message on one line, cut to a readable length, without tokens of the user's accounts."""
    message = str(getattr(text, "message", text))  # Qiskit puts the text of its errors in quotes
    for token in _tokens():
        message = message.replace(token, "***")
    message = _CREDENTIALS.sub("***", message)
    message = " ".join(message.split())
    return message if len(message) <= MAX_LENGTH else f"{message[:MAX_LENGTH]} ..."


def _tokens() -> list[str]:
    tokens = [os.environ.get("QISKIT_IBM_TOKEN")]
    with suppress(Exception):  # an unreadable account file is the service's to complain about
        tokens += [account.token for account in AccountManager.list().values()]
    return [token for token in tokens if token]
