"""What can go wrong on the wire: each ends in one clear line, and nothing is lost or paid for twice.

That no token is in any of it is checked after every test, by the fixture `spoken`.
"""

from __future__ import annotations

import signal
import time
import traceback

import pytest

from backends.errors import ExecutionError, UserError
from tests.backends.ibm.conftest import Command
from tests.service.conftest import WRONG_TOKEN
from tests.service.processes import CHEAP, start

JOBS = "/jobs"
RESULTS = "/jobs/[^/]+/results"


class Three(Command):
    """Three evaluations of a layer, a job each, under a journal."""

    def __call__(self, **options):
        return super().__call__(**CHEAP, **options)


@pytest.fixture
def command(tmp_path):
    return Three(tmp_path / "jobs")


@pytest.fixture
def fails(command, spoken):
    """Run the command, which fails; gives the message."""

    def run(kind: type[Exception], **options) -> str:
        with pytest.raises(kind) as raised:
            command(**options)
        spoken.extend(traceback.format_exception(raised.value))
        return str(raised.value)

    return run


def stop_at(service, number: int, do) -> None:
    """Do something to a job as soon as it is made, before the client hears of it."""

    def hook(job):
        if len(service.jobs) == number + 1:
            do(job)

    service.on_submit = hook


# The account.


def test_a_wrong_token(service, fails, monkeypatch):
    monkeypatch.setenv("QISKIT_IBM_TOKEN", WRONG_TOKEN)
    assert fails(UserError).startswith("IBM Quantum refuses the account: ")


def test_a_wrong_token_on_the_command_line(service, sample, monkeypatch):
    monkeypatch.setenv("QISKIT_IBM_TOKEN", WRONG_TOKEN)
    result = sample("out", "--yes")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: IBM Quantum refuses the account: ")
    assert result.stderr.count("\n") == 1


def test_no_account(no_account, fails):
    assert "save_account" in fails(UserError)


def test_the_identity_service_is_down(service, fails):
    service.fault("POST", "/identity/token", times=None, status=503)
    assert fails(ExecutionError).startswith("IBM Quantum cannot be reached: ")


def test_an_unknown_device(service, fails):
    assert "'ibm_no_such': not in this account; allowed: least_busy, ibm_guadalupe, ibm_manila" in fails(
        UserError, backend_name="ibm_no_such"
    )


def test_an_instance_that_lists_nothing(service, fails):
    service.fault("GET", "/backends", times=None, status=403)
    assert fails(ExecutionError, backend_name="ibm_manila").startswith("IBM Quantum lists no device")


def test_a_token_that_is_withdrawn_while_jobs_run(service, command, fails):
    stop_at(service, 1, lambda job: service.access_tokens.clear())
    assert "not authorized" in fails(ExecutionError)
    command()
    assert len(service.jobs) == 3


# Submitting.


def test_too_many_requests_are_made_again_when_the_service_says(service, command, caplog):
    service.fault("POST", JOBS, status=429, headers={"Retry-After": "1"}, body='{"errors": [{"code": 1202}]}')
    started = time.monotonic()
    command()
    assert time.monotonic() - started >= 1
    assert "trying again in 1 s" in caplog.text
    assert len(service.jobs) == 3


def test_a_service_that_stays_busy(service, command, fails):
    busy = service.fault("POST", JOBS, times=None, status=429)
    assert "did not take a job: " in fails(ExecutionError)
    assert busy.struck == 4
    service.app.faults.clear()
    command()
    assert len(service.jobs) == 3


def test_errors_of_the_server(service, command):
    service.fault("POST", JOBS, status=500)
    service.fault("GET", "/jobs/[^/]+", status=502)
    service.fault("GET", RESULTS, status=503)
    command()
    assert len(service.jobs) == 3


@pytest.mark.parametrize("when", ["instead", "after"])
def test_a_connection_that_is_cut_while_a_job_is_submitted(service, command, when):
    service.fault("POST", JOBS, when=when)
    command()
    assert len(service.jobs) == 3


@pytest.mark.parametrize("mode", ["batch", "session"])
def test_a_session_closed_by_the_service(service, command, mode):
    def close(job):
        service.sessions[job.request["session_id"]]["accepting_jobs"] = False

    stop_at(service, 0, close)
    command(mode=mode)
    assert len(service.jobs) == 3
    assert len(service.sessions) == 2


# Waiting.


@pytest.mark.parametrize("state", ["active", "maintenance"])
def test_a_long_wait_says_what_it_waits_for_and_how_to_come_back(
    service, command, caplog, monkeypatch, state
):
    monkeypatch.setattr("backends.ibm.jobs.NOTICE_SECONDS", 0.0)
    service.devices["ibm_manila"].status = state
    command(backend_name="ibm_manila")
    (line, *_) = [each for each in caplog.messages if "the same command comes back" in each]
    first = command.opened().records[0].job_id
    assert line.startswith(f"job {first} is RUNNING after 0 min (3 jobs are pending there")
    assert ("and ibm_manila is in maintenance" in line) == (state == "maintenance")
    assert len(service.jobs) == 3


def test_a_calibration_that_changes_between_two_jobs_is_told_once(service, command, caplog):
    def calibrate(job):
        service.devices["ibm_manila"].calibrated = "2026-01-02T03:04:05+00:00"

    stop_at(service, 0, calibrate)
    command(backend_name="ibm_manila")
    told = [each for each in caplog.messages if "was calibrated anew" in each]
    assert len(told) == 1
    assert "ibm_manila was calibrated anew at 2026-01-02T03:04:05+00:00" in told[0]
    first, *others = [record.calibration for record in command.opened().records]
    assert others == ["2026-01-02T03:04:05+00:00"] * 2
    assert first != others[0]
    assert len(service.jobs) == 3


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_clock_that_jumps(service, command, monkeypatch, hours):
    def jump(job):
        told = time.time
        monkeypatch.setattr("time.time", lambda: told() + 3600 * hours)

    stop_at(service, 1, jump)
    command(timeout=600)
    assert command.statuses() == ["done"] * 3
    assert len(service.jobs) == 3


# Results.


def test_a_result_cut_short_is_fetched_again(service, command):
    service.fault("GET", RESULTS, status=200, body='{"schema_version": "v2.0", "data": [{"resul')
    command()
    assert len(service.jobs) == 3


def test_a_result_that_stays_cut_short_is_not_a_job_to_pay_for_again(service, command, fails):
    service.fault("GET", RESULTS, times=None, status=200, body='{"schema_version": "v2.0", "data": [{"resul')
    assert "its result cannot be read: " in fails(ExecutionError)
    service.app.faults.clear()
    command()
    assert len(service.jobs) == 3


def test_a_result_that_is_refused_now_is_fetched_later(service, command, fails):
    service.fault("GET", RESULTS, status=401)
    assert "ran, but its result cannot be fetched now" in fails(ExecutionError)
    command()
    assert len(service.jobs) == 3


def test_a_connection_that_is_cut_while_a_result_comes(service, command):
    service.fault("GET", RESULTS)
    command()
    assert len(service.jobs) == 3


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (("Failed", "Error in the validation process of the job", 1002), "1002"),
        (("Cancelled",), "cancelled"),
        (("Cancelled", "Ran too long", 1305), "1305"),
    ],
)
def test_a_job_that_brings_nothing(service, command, fails, end, words):
    stop_at(service, 1, lambda job: job.end(*end))
    message = fails(ExecutionError)
    assert words in message
    assert "1 results are kept" in message
    command()
    assert len(service.jobs) == 4
    assert command.opened().spent == pytest.approx(12)


# Money.


def test_a_budget_that_runs_out(service, command, fails):
    message = fails(UserError, max_qpu_seconds=7)
    assert "job 0 of step 2 needs about" in message
    assert "6 s are spent; allow at least 9" in message
    assert [job.request["cost"] for job in service.jobs.values()] == [5, 4]
    command(max_qpu_seconds=9)
    assert len(service.jobs) == 3


def test_a_job_that_takes_longer_than_is_left_is_stopped_by_the_service(service, fails, command):
    stop_at(service, 1, lambda job: setattr(job, "seconds", 30.0))
    assert "1305" in fails(ExecutionError, max_qpu_seconds=10)


# Processes.


@pytest.fixture
def process(command):
    """Start the command in a process of its own."""
    started = []

    def run(death=None):
        started.append(start(command.journal, death))
        return started[-1]

    yield run
    for each in started:
        each.kill()
        each.join()


def wait_for(command, process, statuses: list[str]) -> None:
    deadline = time.monotonic() + 300
    while command.statuses() != statuses:
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_process_killed_between_a_job_and_its_id(service, command, process):
    running = process()
    stop_at(service, 1, lambda job: running.kill())
    running.join(300)
    assert running.exitcode == -signal.SIGKILL
    assert command.statuses() == ["done", "submitting"]
    command()
    assert len(service.jobs) == 3


def test_a_process_killed_while_a_job_runs(service, command, process):
    stop_at(service, 1, lambda job: job.end("Held"))
    running = process()
    wait_for(command, running, ["done", "submitted"])
    running.kill()
    running.join()
    list(service.jobs.values())[1].end("Running")
    command()
    assert len(service.jobs) == 3


@pytest.mark.parametrize("when", ["before", "after"])
def test_processes_killed_at_every_file_that_appears(service, command, process, when):
    """Each dies one file later than the last, so that every step of a job is somebody's last."""
    for number in range(1, 30):
        running = process((when, number))
        running.join(300)
        if running.exitcode == 0:
            break
        assert running.exitcode == -signal.SIGKILL
    assert running.exitcode == 0
    assert number > 5
    command()
    done = [record for record in command.opened().records if record.status == "done"]
    assert [record.job_id for record in done] == list(service.jobs)
    assert len(done) == 3
    assert command.opened().spent == 9
    assert {record.status for record in command.opened().records} <= {"done", "lost"}


def test_two_processes_on_one_journal(service, command, process, fails):
    stop_at(service, 1, lambda job: job.end("Held"))
    running = process()
    wait_for(command, running, ["done", "submitted"])
    assert fails(UserError) == f"{command.journal}: in use by another process that runs this command"
    list(service.jobs.values())[1].end("Running")
    running.join(300)
    assert running.exitcode == 0
    command()
    assert len(service.jobs) == 3
