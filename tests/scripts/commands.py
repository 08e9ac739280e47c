"""Reports as the command line runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from qvunet.cli import main

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def report(name: str, *arguments: object) -> int:
    """Run `qvunet report NAME` here, since importing Qiskit once more takes longer than the work.

    Returns:
        Its exit status.
    """
    with pytest.raises(SystemExit) as stopped:
        main(["report", name, *map(str, arguments)])
    return int(stopped.value.code or 0)
