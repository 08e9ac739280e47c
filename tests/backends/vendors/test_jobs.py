"""Jobs on a vendor's estimator: kept, found again, counted; the estimators are real ones that end early."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from qiskit.primitives import StatevectorEstimator
from torch import Tensor

from backends import UserError, make_backend
from backends.errors import ExecutionError
from backends.records.journal import Journal, Record
from qvunet.ansatz import basic_entangler

SMALL = basic_entangler(num_qubits=2, num_layers=1)
INPUTS = torch.tensor([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8], [0.9, 1.0]])


class Mortal(StatevectorEstimator):
    """Counts its jobs; after some it fails, or the process is interrupted."""

    def __init__(self, lives: int | None = None, end: BaseException | None = None):
        super().__init__()
        self.jobs = 0
        self.lives = lives
        self.end = end or ConnectionError("no route to the service")

    def run(self, pubs, *, precision=None):
        job = super().run(pubs, precision=precision)
        if self.jobs == self.lives:
            job.result = self._die
        self.jobs += 1
        return job

    def _die(self):
        raise self.end


def evaluate(estimator: Mortal, journal: Path, step: int = 0, inputs: Tensor = INPUTS, **options) -> Tensor:
    """Values, in jobs of two rows, two rows and one, of 10 shots."""
    backend = make_backend("estimator", estimator=estimator, **{"shots": 10, "max_rows": 2, **options})
    torch.manual_seed(0)
    layer = backend.layer(SMALL)
    with backend.recording(Journal(journal)):
        backend.start_step(step)
        return layer(inputs).detach()


def states(journal: Path) -> list[tuple[str, int]]:
    return [(record.status, record.executions) for record in Journal(journal).records]


def test_what_was_answered_is_not_asked_again(tmp_path):
    first = evaluate(Mortal(), tmp_path)
    assert states(tmp_path) == [("done", 20), ("done", 20), ("done", 10)]
    again = Mortal()
    assert torch.equal(evaluate(again, tmp_path), first)
    assert again.jobs == 0


def test_a_command_that_dies_goes_on_with_the_rest(tmp_path):
    with pytest.raises(
        ExecutionError, match=r"ConnectionError: no route .*counts as spent, 1 results"
    ) as told:
        evaluate(Mortal(lives=1), tmp_path)
    failed = Journal(tmp_path).records[1]
    assert (failed.status, failed.error) == ("failed", "ConnectionError: no route to the service")
    assert failed.job_id is not None
    assert f"job {failed.job_id} counts" in str(told.value)
    rest = Mortal()
    values = evaluate(rest, tmp_path)
    assert rest.jobs == 2
    assert sorted(states(tmp_path)) == [("done", 10), ("done", 20), ("done", 20), ("failed", 20)]
    stored = [Journal(tmp_path).arrays(r)["values"] for r in Journal(tmp_path).records if r.status == "done"]
    np.testing.assert_allclose(np.sort(np.concatenate(stored, axis=1).ravel()), np.sort(values.ravel()))


def test_a_job_is_in_the_journal_before_it_is_submitted_and_its_id_before_it_is_waited_for(tmp_path):
    seen = []

    class Looking(Mortal):
        def run(self, pubs, *, precision=None):
            seen.extend(Journal(tmp_path).records)
            job = super().run(pubs, precision=precision)
            result = job.result
            job.result = lambda: (seen.extend(Journal(tmp_path).records), result())[1]
            return job

    evaluate(Looking(), tmp_path, inputs=INPUTS[:1])
    before, waiting = seen
    assert (before.status, before.job_id) == ("submitting", None)
    assert (waiting.status, waiting.job_id) == ("submitted", Journal(tmp_path).records[0].job_id)
    assert waiting.device == "Looking"
    assert waiting.submitted.startswith("20")


def test_an_interrupted_job_is_named_and_counts_as_spent(tmp_path, caplog):
    with pytest.raises(KeyboardInterrupt):
        evaluate(Mortal(lives=1, end=KeyboardInterrupt()), tmp_path)
    job = Journal(tmp_path).records[1]
    assert job.status == "submitted"
    refused = Mortal()
    with pytest.raises(UserError, match=r"max_executions = 69: 3 circuits .* need 30, and 40 are spent.* 70"):
        evaluate(refused, tmp_path, max_executions=69)
    assert refused.jobs == 0
    (line,) = caplog.messages
    assert f"job {job.job_id} on Mortal" in line
    assert "20 executions count as spent" in line
    evaluate(Mortal(), tmp_path, max_executions=70)
    assert sorted(states(tmp_path)) == [("done", 10), ("done", 20), ("done", 20), ("lost", 20)]


def test_the_budget_is_that_of_all_attempts(tmp_path):
    evaluate(Mortal(), tmp_path, step=0, max_executions=50)
    with pytest.raises(
        UserError, match=r"5 circuits of 10 shots need 50, and 50 are spent; allow at least 100"
    ):
        evaluate(Mortal(), tmp_path, step=1, max_executions=99)
    evaluate(Mortal(), tmp_path, step=0, max_executions=50)  # all is there, nothing is spent
    evaluate(Mortal(), tmp_path, step=1, max_executions=100)
    assert Journal(tmp_path).executions == 100


def test_a_journal_s_budget_is_not_that_of_what_is_asked_beside_it(tmp_path):
    estimator = Mortal()
    backend = make_backend("estimator", estimator=estimator, shots=10, max_executions=20)
    layer = backend.layer(SMALL)
    layer(INPUTS[:2])
    with backend.recording(Journal(tmp_path)):
        layer(INPUTS[:2])
        with pytest.raises(UserError, match="20 are spent"):
            layer(INPUTS[:1])
    with pytest.raises(UserError, match="20 are spent"):
        layer(INPUTS[:1])
    assert estimator.jobs == 2


def test_without_a_journal_everything_is_asked():
    estimator = Mortal()
    layer = make_backend("estimator", estimator=estimator).layer(SMALL)
    assert torch.equal(layer(INPUTS), layer(INPUTS))
    assert estimator.jobs == 2


@pytest.mark.parametrize(
    "other",
    [{"shots": 11}, {"step": 1}, {"inputs": INPUTS + 0.01}, {"max_rows": 3}],
    ids=str,
)
def test_another_question_is_asked(tmp_path, other):
    evaluate(Mortal(), tmp_path)
    estimator = Mortal()
    evaluate(estimator, tmp_path, **other)
    assert estimator.jobs == (2 if "max_rows" in other else 3)


def test_rounding_differences_find_the_same_job(tmp_path):
    first = evaluate(Mortal(), tmp_path)
    estimator = Mortal()
    assert torch.equal(evaluate(estimator, tmp_path, inputs=INPUTS + 1e-4), first)
    assert estimator.jobs == 0


def test_gradients_are_kept_too(tmp_path):
    found = []
    for jobs in (2, 0):
        estimator = Mortal()
        backend = make_backend("estimator", estimator=estimator, shots=10)
        torch.manual_seed(0)
        layer = backend.layer(SMALL)
        with backend.recording(Journal(tmp_path)):
            layer(INPUTS).sum().backward()
        assert estimator.jobs == jobs
        assert backend.tally.executions == Journal(tmp_path).executions  # also where nothing is asked
        found.append(layer.weight.grad)
    assert torch.equal(*found)


def test_two_processes_cannot_run_the_same_command(tmp_path):
    with Journal(tmp_path).locked(), pytest.raises(UserError, match="in use by another process"):
        evaluate(Mortal(), tmp_path)


def test_a_record_from_before_executions_were_counted_is_read(tmp_path):
    evaluate(Mortal(), tmp_path, inputs=INPUTS[:1])
    (path,) = tmp_path.glob("*.json")
    kept = json.loads(path.read_text())
    assert kept.keys() == {field.name for field in dataclasses.fields(Record)}
    del kept["executions"]
    path.write_text(json.dumps(kept))
    assert Journal(tmp_path).executions == 0
