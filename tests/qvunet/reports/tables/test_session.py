"""Several cells at a time, each in a process, give what they give one after another."""

from __future__ import annotations

import os
import signal

import pytest
import yaml
from rich.console import Console

from qvunet.reports.tables import session
from qvunet.reports.tables.grid import load_budget, plan_cells
from qvunet.reports.tables.result import load_result
from qvunet.tools.workers import HERE, Workers
from tests.qvunet.conftest import TINY_LATENT

BUDGET = {
    "name": "tiny",
    "seeds": [0],
    "datasets": {"digits": TINY_LATENT["data"]},
    "files": {"name": "idx"},
    "config": {
        **{key: value for key, value in TINY_LATENT.items() if key not in ("data", "evaluate")},
        "evaluate": {
            **{"num": 50, "sampler": "heun", "steps": 1, "metrics": ["kid"]},
            **{"classifier_steps": 2, "resamples": 50},
        },
    },
    "variants": {
        "circuits": {"title": "circuits"},
        "cosine": {"title": "cosine", "config": {"model": {"core": "encoding"}}},
    },
    "run": ["circuits", "cosine"],
}


@pytest.fixture
def cells(tmp_path, monkeypatch):
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(BUDGET))
    return lambda out: plan_cells(load_budget(str(file)), tmp_path / out)


def steady(cell):
    found = load_result(cell.run.path)
    return found.heldout_loss, found.influence, found.loss, found.evaluation["kid"]


def test_processes_give_the_same_results(cells):
    serial, parallel = cells("serial"), cells("parallel")
    console = Console(quiet=True)
    assert session.run_cells(serial, "tiny", console) == []
    assert session.run_cells(parallel, "tiny", console, Workers(2)) == []
    for one, other in zip(serial, parallel, strict=True):
        assert steady(one) == steady(other)
    assert steady(serial[0]) != steady(serial[1])


@pytest.mark.parametrize("workers", [HERE, Workers(2)], ids=["here", "workers"])
def test_nothing_is_begun_when_the_time_is_up(cells, workers):
    planned = cells("late")
    assert session.run_cells(planned, "tiny", Console(quiet=True), workers, seconds=0) == planned
    assert not planned[0].run.path.exists()


def _die_with_circuits(directory, cell, budget, label):
    if cell.variant == "circuits":
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow  # each time a worker starts anew
def test_a_cell_that_kills_its_workers_is_told_and_the_others_are_done(cells, monkeypatch, capsys):
    monkeypatch.setattr(session, "_run", _die_with_circuits)
    planned = cells("dead")
    assert session.run_cells(planned, "tiny", Console(width=300), Workers(2)) == planned[:1]
    said = capsys.readouterr().out
    assert "[1/2] digits circuits seed 0: failed: Attempted to run" in said
    assert "[2/2] digits cosine seed 0: done" in said
