"""The command of the drills in processes that can be killed, forked from one that has imported everything."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Mapping
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal

import backends.ibm.jobs
import backends.ibm.site
from tests.backends.ibm.conftest import Command

CHEAP = {"resilience_level": 0, "lowering": "pauli", "optimization_level": 0}
"""Compiles and runs fast."""

Moment = tuple[Literal["before", "after"], int]
"""Of a process's death: which of its journal's files is about to appear, or has just appeared, from 1 on."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


def start(journal: Path, death: Moment | None = None) -> BaseProcess:
    """Run the command with this process's environment; its end is not waited for."""
    process = _FORKS.Process(target=_run, args=(journal, dict(os.environ), death), daemon=True)
    process.start()
    return process


def _run(journal: Path, environment: Mapping[str, str], death: Moment | None) -> None:
    os.environ.clear()  # the forking process has that of the first test
    os.environ.update(environment)
    backends.ibm.site.Cloud.poll_seconds = 0.01
    backends.ibm.site.Cloud.jobs_per_minute = None
    backends.ibm.jobs.BACK_OFF_SECONDS = (0.0, 0.0, 0.0)
    if death is not None:
        _die(journal, *death)
    Command(journal)(**CHEAP)


def _die(journal: Path, when: str, number: int) -> None:
    appearing, replace = count(1), os.replace

    def replacing(source: str | Path, target: str | Path) -> None:
        last = journal in Path(target).parents and next(appearing) == number
        if last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replacing
