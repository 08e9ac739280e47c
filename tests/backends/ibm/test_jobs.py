"""Drills: whatever fails, the message is clear and nothing that was paid for is paid for again."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import torch
from qiskit.primitives import PrimitiveResult
from qiskit_ibm_runtime.accounts.exceptions import AccountNotFoundError
from qiskit_ibm_runtime.api.exceptions import RequestsApiError
from qiskit_ibm_runtime.exceptions import IBMNotAuthorizedError, IBMRuntimeError

from backends import UserError
from backends.errors import ExecutionError
from tests.backends.ibm.conftest import TOKEN, values_of

TOO_MANY = IBMRuntimeError(
    f"Failed to run program: '429 Client Error: Too Many Requests. {TOKEN} Error code: 1202.'"
)


def test_each_evaluation_is_one_job_with_all_its_rows(server, command):
    values = command()
    assert len(server.jobs) == 3
    assert values.shape == (3, 2, 4)
    circuit, observables, parameters = server.jobs[2].pub
    assert parameters.shape == (2, circuit.num_parameters)
    assert len(observables) == 4
    expected = np.cos(parameters.sum(axis=1)[:, None] + np.arange(4))
    np.testing.assert_allclose(np.sort(values[2].numpy()), np.sort(expected), atol=1e-6)
    assert command.statuses() == ["done"] * 3


def test_a_finished_command_is_not_paid_for_again(server, command):
    first = command()
    assert torch.equal(command(), first)
    assert len(server.jobs) == 3


def test_other_shots_are_another_question(server, command):
    command()
    command(shots=128)
    assert len(server.jobs) == 6


def test_a_job_is_in_the_journal_before_anybody_waits(server, command):
    seen = []

    def look(job):
        record = json.loads(sorted(command.journal.glob("*.json"))[-1].read_text())
        seen.append((record["status"], record["tags"] == job.options.environment.job_tags))

    server.on_submit = look
    command()
    assert seen == [("submitting", True)] * 3


def test_a_failed_job_stops_the_command_and_is_submitted_again(server, command):
    server.on_submit = lambda job: job.fail(f"Error code 9999 {TOKEN}") if job.number == 1 else None
    with pytest.raises(
        ExecutionError, match=r"job-1 .*9999.*1 results are kept.*only what is missing"
    ) as raised:
        command()
    assert TOKEN not in str(raised.value)
    assert command.statuses() == ["done", "failed"]
    command()
    assert [job.number for job in server.jobs] == [0, 1, 2, 3]
    assert sorted(command.statuses()) == ["done", "done", "done", "failed"]


def test_a_job_that_takes_too_long_goes_on_and_is_fetched_later(server, command):
    def stall(job):
        job.state = "QUEUED" if job.number == 1 else "DONE"

    server.on_submit = stall
    with pytest.raises(ExecutionError, match=r"job-1 is still QUEUED after .* \(timeout\)"):
        command(timeout=0.01)
    server.jobs[1].state = "DONE"
    command()
    assert len(server.jobs) == 3


def test_a_lost_connection_loses_no_job(server, command):
    def vanish(job):
        job.unreachable = RequestsApiError(f"no route, {TOKEN}", -1) if job.number == 1 else None

    server.on_submit = vanish
    with pytest.raises(ExecutionError, match="connection was lost while job job-1 ran") as raised:
        command()
    assert TOKEN not in str(raised.value)
    server.jobs[1].unreachable = None
    command()
    assert len(server.jobs) == 3


def test_an_interrupt_loses_no_job(server, command):
    def interrupt(job):
        if job.number == 1:
            job.unreachable = KeyboardInterrupt()

    server.on_submit = interrupt
    with pytest.raises(KeyboardInterrupt):
        command()
    server.jobs[1].unreachable = None
    command()
    assert len(server.jobs) == 3


def test_a_job_whose_answer_never_came_is_found_by_its_tag(server, command):
    def cut(job):
        if job.number == 1:
            raise RequestsApiError("connection reset", -1)

    server.on_submit = cut
    command()
    assert len(server.jobs) == 3


def test_a_process_killed_between_job_and_id_finds_the_job(server, command):
    def kill(job):
        if job.number == 1:
            raise SystemExit

    server.on_submit = kill
    with pytest.raises(SystemExit):
        command()
    assert command.statuses() == ["done", "submitting"]
    command()
    assert len(server.jobs) == 3


@pytest.mark.parametrize("mode", ["batch", "session"])
def test_a_closed_session_is_opened_again(server, command, mode):
    server.on_submit = lambda job: server.refusals.append(IBMRuntimeError("The session is closed."))
    command(mode=mode)
    assert len(server.jobs) == 3
    assert server.lanes == 3


def test_a_session_that_stays_closed_ends_the_command(server, command):
    server.refuse_always = IBMRuntimeError("The session is closed.")
    with pytest.raises(
        ExecutionError, match=r"did not take a job: .*The session is closed.*0 results are kept"
    ):
        command(mode="session")
    server.refuse_always = None
    command(mode="session")
    assert len(server.jobs) == 3


def test_a_busy_service_is_asked_again(server, command, caplog):
    server.refusals = [TOO_MANY, TOO_MANY]
    with caplog.at_level(logging.DEBUG):
        command()
    assert len(server.jobs) == 3
    assert "trying again" in caplog.text
    assert TOKEN not in caplog.text


def test_a_service_that_stays_busy_ends_the_command(server, command):
    server.on_submit = lambda job: setattr(server, "refuse_always", TOO_MANY) if job.number == 0 else None
    with pytest.raises(ExecutionError, match=r"429.*1 results are kept") as raised:
        command()
    assert TOKEN not in str(raised.value)
    server.refuse_always = None
    command()
    assert len(server.jobs) == 3


def test_an_incomplete_result_is_looked_at_again_before_it_is_paid_for_again(server, command):
    server.on_submit = lambda job: setattr(job, "answer", PrimitiveResult([])) if job.number == 1 else None
    with pytest.raises(ExecutionError, match=r"job-1 .* its result holds 0 PUBs of 1"):
        command()
    server.jobs[1].answer = values_of(server.jobs[1].pub)
    command()
    assert len(server.jobs) == 3


def test_a_result_that_stays_incomplete_is_paid_for_again(server, command):
    server.on_submit = lambda job: setattr(job, "answer", PrimitiveResult([])) if job.number == 1 else None
    with pytest.raises(ExecutionError):
        command()
    command()
    assert [job.number for job in server.jobs] == [0, 1, 2, 3]
    assert command.opened().spent == pytest.approx(12)  # no job's 3 s counted twice


def test_no_account(server, command, monkeypatch):
    def refuse(**account):
        raise AccountNotFoundError("Unable to find account.")

    monkeypatch.setattr("backends.ibm.site.QiskitRuntimeService", refuse)
    with pytest.raises(UserError, match=r"no IBM Quantum account: .*save_account.*fake_kingston"):
        command()


def test_a_refused_account_does_not_show_its_token(server, command, monkeypatch):
    def refuse(**account):
        raise IBMNotAuthorizedError(f"401 for {TOKEN}")

    monkeypatch.setattr("backends.ibm.site.QiskitRuntimeService", refuse)
    with pytest.raises(UserError, match=r"refuses the account: 401 for \*\*\*"):
        command()


@pytest.mark.parametrize(
    ("name", "words"), [("ibm_no_such", "least_busy, fake_manila"), ("fake_no_such", "fake_kingston")]
)
def test_wrong_device(server, command, name, words):
    with pytest.raises(UserError, match=f"{name}.*allowed: .*{words}"):
        command(backend_name=name)


def test_the_budget_stops_the_command_before_a_job(server, command):
    with pytest.raises(
        UserError, match=r"max_qpu_seconds = 7: job 0 of step 2 .* 6 s are spent; allow at least 9"
    ):
        command(max_qpu_seconds=7)
    assert len(server.jobs) == 2
    command(max_qpu_seconds=9)
    assert len(server.jobs) == 3


def test_the_service_is_told_to_stop_a_job_at_what_is_left(server, command):
    command(max_qpu_seconds=10)
    left = [10, 7, 4]  # each job takes 3 s
    assert all(job.options.max_execution_time <= most for job, most in zip(server.jobs, left, strict=True))


def test_a_pass_too_large_for_a_job_is_cut(server, command, monkeypatch):
    whole = command()
    monkeypatch.setattr("backends.ibm.budget.MAX_EXECUTIONS_PER_JOB", 128)
    cut = command(seed=1)
    assert [len(job.pub[2]) for job in server.jobs[3:]] == [1] * 6
    torch.testing.assert_close(cut, whole)


def test_least_busy_keeps_to_the_device_of_its_earlier_jobs(server, command, monkeypatch):
    command()
    monkeypatch.setattr("backends.ibm.site.QiskitRuntimeService.least_busy", None)
    command()
    assert len(server.jobs) == 3


def test_two_processes_cannot_run_the_same_command(server, command):
    with command.opened().locked(), pytest.raises(UserError, match="in use by another process"):
        command()


def test_rounding_differences_find_the_same_job(server, command):
    command()
    journal = command.opened()
    record = journal.records[0]
    asked = np.load(command.journal / f"{record.name}.npz")["parameters"]
    assert journal.find(0, 0, record.request, asked + 1e-5) is record
    assert journal.find(0, 0, record.request, asked + 1e-2) is None
    assert journal.find(1, 0, record.request, asked) is None


def test_a_damaged_journal_is_named(server, command):
    command()
    path = sorted(command.journal.glob("*.json"))[0]
    path.write_text("{")
    with pytest.raises(UserError, match=f"{path.name}: damaged"):
        command()
