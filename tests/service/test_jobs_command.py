"""`qvunet jobs` with the service: what is finished is fetched, what is not is cancelled."""

from __future__ import annotations

import pytest

IMPATIENT = "--set=backend.timeout=0.01"


@pytest.fixture
def held(service):
    """Jobs wait until they are let go."""
    service.on_submit = lambda job: job.end("Held")
    return service


def let_go(service) -> None:
    service.on_submit = lambda job: None
    for job in service.jobs.values():
        job.end("Running")


def test_a_finished_job_is_fetched_and_serves_the_command(held, run, sample, qvunet):
    assert "is still HELD" in sample("out", "--yes", IMPATIENT).stderr
    assert "in all: 1 submitted" in qvunet("jobs", "--run", run, "--fetch").stdout
    let_go(held)
    assert "in all: 1 submitted" in qvunet("jobs", "--run", run).stdout  # asks nobody
    fetched = qvunet("jobs", "--run", run, "--fetch")
    assert "in all: 1 done; 2.0 s of QPU time estimated, 3.0 s used" in fetched.stdout
    again = sample("out", "--yes")
    assert again.exit_code == 0, again.output
    assert "done before  1 jobs; 3 s of QPU time spent" in again.stdout
    assert len(held.jobs) == 4


def test_what_has_not_ended_is_cancelled(held, run, sample, qvunet):
    sample("out", "--yes", IMPATIENT)
    cancelled = qvunet("jobs", "--run", run, "--cancel")
    assert "in all: 1 failed; 2.0 s of QPU time estimated, 0.0 s used" in cancelled.stdout
    (job,) = held.jobs.values()
    assert job.state == "Cancelled"


def test_a_job_that_ended_meanwhile_is_not_cancelled(held, run, sample, qvunet):
    sample("out", "--yes", IMPATIENT)
    (job,) = held.jobs.values()
    job.end("Completed")
    assert "in all: 1 submitted" in qvunet("jobs", "--run", run, "--cancel").stdout
    assert "in all: 1 done" in qvunet("jobs", "--run", run, "--fetch", "--cancel").stdout


def test_failures_and_lost_jobs(held, run, sample, qvunet):
    sample("out", "--yes", IMPATIENT)
    (job,) = held.jobs.values()
    job.end("Failed", "Error in the validation process of the job", 1002)
    failed = qvunet("jobs", "--run", run, "--fetch").stdout
    assert "in all: 1 failed" in failed
    assert "1002" in failed
    sample("out", "--yes", IMPATIENT)
    held.jobs.clear()
    assert "in all: 1 failed, 1 lost" in qvunet("jobs", "--run", run, "--fetch").stdout


def test_a_service_that_cannot_be_asked(held, run, sample, qvunet, monkeypatch):
    sample("out", "--yes", IMPATIENT)
    held.fault("GET", "/jobs/[^/]+", status=403)
    result = qvunet("jobs", "--run", run, "--fetch")
    assert (result.exit_code, "cannot be looked after" in result.stderr) == (1, True)
    monkeypatch.delenv("QISKIT_IBM_TOKEN")
    result = qvunet("jobs", "--run", run, "--fetch")
    assert (result.exit_code, "no IBM Quantum account" in result.stderr) == (2, True)
