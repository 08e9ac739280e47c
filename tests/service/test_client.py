"""The installed client, unpatched, finds what it asks for at the loopback's address."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime import Batch, QiskitRuntimeService
from qiskit_ibm_runtime.exceptions import (
    RuntimeInvalidStateError,
    RuntimeJobFailureError,
    RuntimeJobMaxTimeoutError,
    RuntimeJobNotFound,
)
from qiskit_ibm_runtime.executor_estimator import Estimator
from qiskit_ibm_runtime.options_models.estimator import EstimatorOptions

from backends.devices.device import load_device
from tests.service.app import CRN, INSTANCE


@pytest.fixture
def client(service) -> QiskitRuntimeService:
    return QiskitRuntimeService(instance=CRN)


def turned(device) -> tuple:
    """<Z> of a qubit that is turned by four angles."""
    circuit = QuantumCircuit(device.num_qubits)
    angle = Parameter("angle")
    circuit.rz(np.pi / 2, 0)
    circuit.sx(0)
    circuit.rz(angle, 0)
    circuit.sx(0)
    return circuit, SparsePauliOp("I" * (device.num_qubits - 1) + "Z"), np.linspace(0, np.pi, 4)[:, None]


def submit(mode, device, **environment):
    options = EstimatorOptions(default_shots=512, resilience_level=1, **environment)
    return Estimator(mode, options=options).run([turned(device)])


def test_the_account_s_instance_and_plan(client):
    (instance,) = client.instances()
    assert (instance["crn"], instance["name"], instance["plan"]) == (CRN, INSTANCE, "open")


def test_an_instance_by_name(service):
    assert QiskitRuntimeService(instance=INSTANCE).active_instance() == CRN


def test_devices_are_as_they_were_recorded(client):
    assert {device.name for device in client.backends()} == {"ibm_manila", "ibm_guadalupe"}
    found, recorded = client.backend("ibm_manila"), load_device("fake_manila")
    for gate in ("cx", "sx", "measure"):
        assert str(found.target[gate]) == str(recorded.target[gate])
    assert found.properties().t1(2) == recorded.properties().t1(2)
    assert found.status().pending_jobs == 3


def test_the_least_busy_of_those_that_are_large_enough(client):
    assert client.least_busy().name == "ibm_manila"
    assert client.least_busy(min_num_qubits=6, operational=True).name == "ibm_guadalupe"


def test_a_job_goes_through_its_states_and_brings_values(client, service):
    device = client.backend("ibm_manila")
    job = submit(device, device, max_execution_time=30)
    assert service.jobs[job.job_id()].request["cost"] == 30
    assert [job.status(), job.status()] == ["RUNNING", "DONE"]
    assert job.usage() == 3.0
    values = job.result()[0].data.evs
    np.testing.assert_allclose(values, -np.cos(turned(device)[2][:, 0]), atol=0.2)


def test_a_job_is_found_by_another_process_by_id_and_by_tag(client):
    device = client.backend("ibm_manila")
    job = submit(device, device, environment={"job_tags": ["first", "unique"]})
    submit(device, device, environment={"job_tags": ["first"]})
    later = QiskitRuntimeService(instance=CRN)
    assert [found.job_id() for found in later.jobs(job_tags=["unique"])] == [job.job_id()]
    assert len(later.jobs(job_tags=["first"])) == 2
    np.testing.assert_array_equal(later.job(job.job_id()).result()[0].data.evs, job.result()[0].data.evs)
    with pytest.raises(RuntimeJobNotFound):
        later.job("no-such-job")


def test_jobs_that_end_without_values(client, service):
    device = client.backend("ibm_manila")
    cancelled, failed, slow = (submit(device, device, max_execution_time=2) for _ in range(3))
    cancelled.cancel()
    service.jobs[failed.job_id()].end("Failed", "Error in the validation process", 1002)
    with pytest.raises(RuntimeInvalidStateError, match="cancelled"):
        cancelled.result()
    with pytest.raises(RuntimeJobFailureError, match="1002"):
        failed.result()
    with pytest.raises(RuntimeJobMaxTimeoutError):
        slow.result()  # its 3 s are more than it may take
    with pytest.raises(RuntimeInvalidStateError, match="cannot be cancelled"):
        failed.cancel()


def test_a_batch_takes_jobs_until_it_is_closed(client, service):
    device = client.backend("ibm_manila")
    with Batch(backend=device) as batch:
        job = submit(batch, device)
    (opened,) = service.sessions.values()
    assert (opened["mode"], opened["accepting_jobs"]) == ("batch", False)
    assert service.jobs[job.job_id()].request["session_id"] == opened["id"]


def test_the_client_warns_of_nothing(service):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        device = QiskitRuntimeService(instance=CRN).backend("ibm_manila")
        submit(device, device).result()
