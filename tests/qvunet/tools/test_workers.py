"""Pieces of work in this process, in processes of this machine and on a Dask cluster, all real."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator

import dask
import pytest
from distributed import LocalCluster

from backends.errors import ExecutionError, UserError
from qvunet.tools import workers as module
from qvunet.tools.workers import HERE, Workers

JOBS = [(number,) for number in range(5)]


def square(number):
    return number**2, os.getpid()


def fail(number):
    raise ValueError(f"{number} is no good")


def note_and_die_once(number, directory):
    """Leave a file, and kill the process that does the first piece, but the first time only."""
    (directory / f"{number}.{os.getpid()}").touch()
    if number == 0 and len(list(directory.glob("0.*"))) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def die(number):
    if number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


@pytest.fixture(scope="module")
def cluster() -> Iterator[Workers]:
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as found,
    ):
        yield Workers(scheduler=found.scheduler_address)


def results(workers, function=square, jobs=JOBS):
    return {job[0]: future.result() for job, future in workers.run(function, jobs)}


def test_here():
    assert results(HERE) == {number: (number**2, os.getpid()) for number in range(5)}


def test_in_processes_of_this_machine():
    found = results(Workers(2))
    assert {number: square for number, (square, _) in found.items()} == {n: n**2 for n in range(5)}
    assert os.getpid() not in {pid for _, pid in found.values()}


def test_on_a_cluster(cluster):
    found = results(cluster)
    assert {number: square for number, (square, _) in found.items()} == {n: n**2 for n in range(5)}
    assert os.getpid() not in {pid for _, pid in found.values()}


def count_calls(calls, offset, number):
    """Changes what it shares with later pieces in the same process, and with none elsewhere."""
    calls.append(number)
    return offset + number, len(calls)


def test_what_is_shared_is_given_to_each_worker_once(cluster):
    shared = ([], 10)
    alone = [future.result() for _, future in HERE.run(count_calls, JOBS, shared=shared)]
    assert alone == [(10, 1), (11, 2), (12, 3), (13, 4), (14, 5)]
    shared[0].clear()
    outcomes = [future.result() for _, future in cluster.run(count_calls, JOBS, shared=shared)]
    assert sorted(value for value, _ in outcomes) == [10, 11, 12, 13, 14]
    counts = [count for _, count in outcomes]
    assert counts.count(1) <= 2  # workers
    assert shared[0] == []


def test_a_piece_that_fails_fails_alone(cluster):
    for workers in (HERE, cluster):
        outcomes = dict(workers.run(fail, [(1,), (2,)]))
        assert set(outcomes) == {(1,), (2,)}
        for (number,), future in outcomes.items():
            with pytest.raises(ValueError, match=f"{number} is no good"):
                future.result()


def test_none_begins_before_it_may(cluster):
    for workers in (HERE, cluster):
        done = []
        for (number,), _ in workers.run(square, JOBS, lambda job, done=done: job[0] == 4 or 4 in done):
            done.append(number)
        assert done[0] == 4
        assert sorted(done) == list(range(5))


def test_where_none_may_begin_none_does():
    for workers in (HERE, Workers(2), Workers(scheduler="tcp://127.0.0.1:1")):  # none of which starts either
        assert list(workers.run(fail, JOBS, lambda job: False)) == []


def test_a_worker_that_dies_costs_its_piece_only(cluster, tmp_path):
    jobs = [(number, tmp_path) for number in range(4)]
    assert results(cluster, note_and_die_once, jobs) == {n: n**2 for n in range(4)}
    begun = sorted(file.name.split(".")[0] for file in tmp_path.iterdir())
    assert begun.count("0") == 2
    assert len(begun) <= 6  # the result of another, too, may not have been fetched when the worker died


@pytest.mark.slow
def test_a_piece_that_kills_every_worker_fails_alone(cluster):
    outcomes = dict(cluster.run(die, JOBS))
    assert "those workers died while running it" in str(outcomes.pop((0,)).exception())
    assert {number: future.result() for (number,), future in outcomes.items()} == {1: 1, 2: 4, 3: 9, 4: 16}


def test_a_scheduler_that_is_not_there_is_told():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        with (
            dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
            pytest.raises(UserError, match=rf"--scheduler {address}: no Dask scheduler there"),
        ):
            results(Workers(scheduler=address))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_workers": 0}, "has no workers; start some with `dask worker"),
        ({"n_workers": 1, "threads_per_worker": 2, "processes": False}, "must have one thread each"),
    ],
)
def test_workers_that_are_of_no_use_are_refused(options, message):
    with (
        LocalCluster(**options, host="127.0.0.1", protocol="tcp", dashboard_address="127.0.0.1:0") as found,
        pytest.raises(UserError, match=message),
    ):
        results(Workers(scheduler=found.scheduler_address))


def test_when_all_workers_have_gone_it_ends(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 1.0)
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as found:
        pieces = Workers(scheduler=found.scheduler_address).run(square, JOBS)
        next(pieces)
        found.scale(0)
        with pytest.raises(ExecutionError, match="no worker is left; the same command"):
            list(pieces)


@pytest.mark.parametrize("options", [{"number": 0}, {"number": 2, "scheduler": "tcp://127.0.0.1:8786"}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(UserError, match="--workers"):
        Workers(**options)
