"""A service that lives in memory: what the tests put in the place of IBM Quantum, and nothing behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from qiskit.primitives import DataBin, PrimitiveResult, PubResult
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_runtime.exceptions import RuntimeJobFailureError, RuntimeJobNotFound

from backends import make_backend
from backends.devices.device import load_device
from backends.records.journal import Journal
from qvunet.ansatz import basic_entangler

TOKEN = "planted-token-0123456789"
ANSATZ = basic_entangler(num_qubits=4, num_layers=1)


def values_of(pub: tuple[Any, ...]) -> PrimitiveResult[PubResult]:
    """Values that tell every row and observable apart."""
    _, observables, parameters = pub
    evs = np.cos(parameters.sum(axis=1) + np.arange(len(observables))[:, None])
    return PrimitiveResult([PubResult(DataBin(evs=evs, stds=0 * evs, shape=evs.shape))])


class Job:
    def __init__(self, number: int, pub: tuple[Any, ...], options: Any) -> None:
        self.number, self.pub, self.options = number, pub, options
        self.state = "DONE"
        self.answer: PrimitiveResult[PubResult] | Exception = values_of(pub)
        self.asked = 0
        self.unreachable: Exception | None = None

    def job_id(self) -> str:
        return f"job-{self.number}"

    def status(self) -> str:
        self.asked += 1
        if self.unreachable is not None:
            raise self.unreachable
        return self.state

    def result(self) -> PrimitiveResult[PubResult]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def usage(self) -> float:
        return 3.0

    def fail(self, reason: str) -> None:
        self.state, self.answer = "ERROR", RuntimeJobFailureError(reason)


class Server:
    """Jobs outlive the processes that submit them."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.refusals: list[Exception] = []
        self.refuse_always: Exception | None = None
        self.on_submit: Callable[[Job], None] = lambda job: None
        self.lanes = 0

    def submit(self, pub: tuple[Any, ...], options: Any) -> Job:
        if self.refuse_always is not None:
            raise self.refuse_always
        if self.refusals:
            raise self.refusals.pop(0)
        job = Job(len(self.jobs), pub, options)
        self.jobs.append(job)
        self.on_submit(job)
        return job


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    device = load_device("fake_manila")

    class Service:
        def __init__(self, **account: Any) -> None:
            pass

        def backend(self, name: str) -> Any:
            if name != device.name:
                raise QiskitBackendNotFoundError("none")
            return device

        def backends(self) -> list[Any]:
            return [device]

        def least_busy(self, **wanted: Any) -> Any:
            return device

        def job(self, job_id: str) -> Job:
            for job in made.jobs:
                if job.job_id() == job_id:
                    return job
            raise RuntimeJobNotFound(job_id)

        def jobs(self, limit: int, job_tags: list[str]) -> list[Job]:
            return [job for job in made.jobs if set(job_tags) <= set(job.options.environment.job_tags)][
                :limit
            ]

    class Estimator:
        def __init__(self, mode: Any, options: Any) -> None:
            self.options = options

        def run(self, pubs: list[tuple[Any, ...]]) -> Job:
            (pub,) = pubs
            return made.submit(pub, self.options)

    class Lane:
        def __init__(self, backend: Any, max_time: int | None = None) -> None:
            made.lanes += 1

        def close(self) -> None:
            pass

    monkeypatch.setattr("backends.ibm.site.QiskitRuntimeService", Service)
    monkeypatch.setattr("backends.ibm.jobs.Estimator", Estimator)
    monkeypatch.setattr("backends.ibm.lane.Batch", Lane)
    monkeypatch.setattr("backends.ibm.lane.Session", Lane)
    monkeypatch.setattr("backends.ibm.jobs.BACK_OFF_SECONDS", (0.0, 0.0, 0.0))
    monkeypatch.setattr("backends.ibm.site.Cloud.poll_seconds", 0.0)
    monkeypatch.setattr("backends.ibm.site.Cloud.jobs_per_minute", None)
    monkeypatch.setenv("QISKIT_IBM_TOKEN", TOKEN)
    return made


class Command:
    """Three evaluations of a layer, one a step, under a journal: what a process would run."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal

    def __call__(self, **options: Any) -> torch.Tensor:
        backend = make_backend("ibm_runtime", **{"shots": 64, "max_qpu_seconds": 100, **options})
        torch.manual_seed(0)
        layer = backend.layer(ANSATZ)
        steps = []
        with torch.no_grad(), backend.recording(self.opened()):
            for step in range(3):
                backend.start_step(step)
                steps.append(layer(torch.full((2, 4), 0.3 * step)))
        return torch.stack(steps)

    def opened(self) -> Journal:
        return Journal(self.journal)

    def statuses(self) -> list[str]:
        return [record.status for record in self.opened().records]


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    made = Command(tmp_path / "jobs")
    yield made
    for path in made.journal.rglob("*"):
        assert path.is_dir() or TOKEN.encode() not in path.read_bytes()
