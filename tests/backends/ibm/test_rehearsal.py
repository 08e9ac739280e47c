"""A rehearsal takes the same path as hardware, down to the runtime's own estimator."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from samplomatic.transpiler.passes.add_tags import AddTags
from samplomatic.utils.box_key import BoxKey

from backends import make_backend
from backends.ibm.backend import Pass
from backends.records.journal import Journal
from qvunet.ansatz import basic_entangler
from tests.backends.random_circuits import TestAnsatz

ANSATZ = basic_entangler(num_qubits=4, num_layers=1)


def evaluate(inputs: torch.Tensor, journal: Journal | None = None, **options: Any) -> torch.Tensor:
    backend = make_backend(
        "ibm_runtime", **{"backend_name": "fake_manila", "max_qpu_seconds": 1e4, **options}
    )
    torch.manual_seed(0)
    layer = backend.layer(ANSATZ)
    with torch.no_grad(), backend.recording(journal or Journal()):
        return layer(inputs)


def exact(inputs: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(0)
    return make_backend("statevector").layer(ANSATZ)(inputs).detach()


INPUTS = torch.tensor([[0.3, 1.1, 2.0, 0.7], [1.3, 0.1, 0.4, 2.2]])


@pytest.mark.parametrize("mode", ["job", "batch", "session"])
def test_values_are_near_the_exact_ones_each_at_its_place(mode):
    values = evaluate(INPUTS, shots=4096, mode=mode)
    # A standard error of at most 1/64, and the gates' few per cent, which readout mitigation leaves.
    torch.testing.assert_close(values, exact(INPUTS), atol=0.1, rtol=0)
    assert values.abs().max() <= 1


def test_the_device_s_readout_error_is_there_and_mitigation_takes_it_away():
    values = []
    for level in (0, 1):
        backend = make_backend("ibm_runtime", backend_name="fake_manila", shots=8192, resilience_level=level)
        layer = backend.layer(ANSATZ)
        torch.nn.init.zeros_(layer.weight)  # |0000>, where <Z> is 1 and a misread bit shows most
        values.append(layer(torch.zeros(1, 4)).detach())
    raw, mitigated = values
    assert 1 - raw.mean() > 0.02
    assert 1 - mitigated.mean() < 0.7 * (1 - raw.mean())


def test_a_large_chip_is_cut_to_the_qubits_that_the_circuit_uses():
    values = evaluate(INPUTS, shots=1024, backend_name="fake_kingston")  # 156 qubits
    torch.testing.assert_close(values, exact(INPUTS), atol=0.15, rtol=0)


def test_noise_is_the_run_s_and_fresh_in_every_row():
    inputs = INPUTS[:1].repeat(3, 1)
    first = evaluate(inputs, shots=64)
    assert torch.equal(first, evaluate(inputs, shots=64))
    assert not torch.equal(first, evaluate(inputs, shots=64, seed=1))
    assert not torch.equal(first[0], first[1])


def test_a_rehearsal_s_result_serves_the_next_process(tmp_path):
    first = evaluate(INPUTS, Journal(tmp_path), shots=64)
    stamps = {path.name: os.stat(path).st_mtime_ns for path in tmp_path.glob("step*")}
    assert torch.equal(evaluate(INPUTS, Journal(tmp_path), shots=64), first)
    assert {path.name: os.stat(path).st_mtime_ns for path in tmp_path.glob("step*")} == stamps


def test_a_rehearsal_killed_while_a_job_ran_runs_it_again(tmp_path):
    evaluate(INPUTS, Journal(tmp_path), shots=64)
    journal = Journal(tmp_path)
    (record,) = journal.records
    record.status, record.qpu_seconds = "submitted", 0.0
    journal.write(record)
    evaluate(INPUTS, Journal(tmp_path), shots=64)
    assert sorted(r.status for r in Journal(tmp_path).records) == ["done", "lost"]


@pytest.mark.parametrize(
    "options", [{"resilience_level": 2}, {"dynamical_decoupling": "XY4"}, {"twirl_gates": True}]
)
def test_mitigation_options_reach_the_runtime(options):
    values = evaluate(INPUTS[:1], shots=256, **options)
    assert (values - exact(INPUTS[:1])).abs().max() < 0.4


def test_the_layer_trains_on_a_rehearsal():
    backend = make_backend("ibm_runtime", backend_name="fake_manila", shots=64)
    layer = backend.layer(ANSATZ)
    inputs = INPUTS.clone().requires_grad_()
    layer(inputs).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.abs().sum() > 0
    assert inputs.grad is not None
    assert inputs.grad.abs().sum() > 0


def test_any_observables_and_expressions_at_the_price_that_was_named():
    x, w = ParameterVector("x", 2), ParameterVector("w", 1)
    circuit = QuantumCircuit(2)
    circuit.rx(x[0] * x[1], 0)
    circuit.cry(w[0].sin(), 0, 1)
    observables = [
        SparsePauliOp(["ZZ", "XI", "II"], [0.5, 0.2, 1.0]),
        SparsePauliOp("IY"),
        SparsePauliOp("II", 0.7),
    ]
    ansatz = TestAnsatz(circuit, [*x], [*w], observables)
    backend = make_backend(
        "ibm_runtime", backend_name="fake_manila", max_qpu_seconds=1e4, shots=2048, gradient="param_shift"
    )
    layer, exact = backend.layer(ansatz), make_backend("statevector").layer(ansatz)
    exact.load_state_dict(layer.state_dict())
    inputs = torch.tensor([[0.8, 1.1], [1.5, -0.9]])
    for each in (layer, exact):
        each(inputs).sum().backward()
    torch.testing.assert_close(layer.weight.grad, exact.weight.grad, atol=0.2, rtol=0)
    torch.testing.assert_close(layer(inputs), exact(inputs), atol=0.15, rtol=0)
    costs = backend.cost([Pass(ansatz, 2, backward=True), Pass(ansatz, 2)])
    assert backend.tally.executions == costs.executions


def test_a_process_may_rehearse_any_number_of_circuits(monkeypatch):
    """The runtime gives up at the fourteenth circuit whose boxes look alike."""
    monkeypatch.setattr(BoxKey, "hexdigest", "0" * 64)
    monkeypatch.setattr(AddTags, "_REFS", {f"{prefix}{'0' * n}" for prefix in "tr" for n in range(20)})
    evaluate(torch.zeros(1, 4))
