from __future__ import annotations

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime.executor_estimator.prepare import prepare

from backends import UserError, make_backend
from backends.ibm.backend import Pass
from backends.ibm.budget import Budget, Cost, Tariff, count_bases
from backends.ibm.settings import estimator_options
from backends.options import IbmRuntimeOptions
from backends.records.journal import Journal
from qvunet.ansatz import fqconv, hqconv


@pytest.mark.parametrize(
    "options",
    [
        {"resilience_level": 0},
        {"resilience_level": 0, "measure_mitigation": True},
        {"resilience_level": 0, "twirl_gates": True, "shots": 1000},
        {"resilience_level": 1},
        {"resilience_level": 1, "shots": 100},
        {"resilience_level": 1, "num_randomizations": 5, "shots": 999},
        {"resilience_level": 1, "measure_mitigation": False, "twirl_measure": False},
        {"resilience_level": 2},
    ],
)
@pytest.mark.parametrize("labels", [["ZI", "IZ"], ["ZI", "XX"]])
def test_executions_are_those_of_the_program_that_the_runtime_prepares(options, labels):
    settings = estimator_options(IbmRuntimeOptions(**options))
    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("x"), 0)
    circuit.cz(0, 1)
    observables = [[SparsePauliOp(label)] for label in labels]
    program, _ = prepare([(circuit, observables, np.zeros((3, 1)))], settings)
    executions = program.shots * sum(item.size() for item in program.items)
    assert Tariff(settings).job(3, count_bases(labels)) == Cost(1, 3, executions)


def test_seconds_follow_the_rule_of_thumb():
    assert Cost(2, 10, 10_000).qpu_seconds == pytest.approx(2 * 2 + 3.5)


def test_a_pass_is_cut_at_the_service_s_limit():
    tariff = Tariff(estimator_options(IbmRuntimeOptions(shots=4096, resilience_level=0)))
    assert tariff.chunk() == 10_000_000 // 4096
    assert tariff.jobs(5000) == Cost(3, 5000, 5000 * 4096)


def test_commuting_observables_share_a_basis():
    assert count_bases(["ZI", "IZ", "ZZ"]) == 1
    assert count_bases(["ZI", "XI", "IX"]) == 2


def test_what_is_reserved_cannot_be_spent_twice():
    budget = Budget(10, spent=1)
    assert budget.reserve("a", 2.1) == 5  # twice the estimate, rounded up
    assert budget.left == 4
    assert budget.reserve("b", 3.5) == 4  # never more than is left
    assert not budget.affords(0.5)
    budget.settle("a", 2)
    assert budget.left == 3
    with pytest.raises(UserError, match=r"max_qpu_seconds = 10: it needs about 4 s .* allow at least 11"):
        budget.require(4, "it")


def test_gradients_cost_what_they_take():
    backend = make_backend("ibm_runtime", backend_name="fake_kingston", resilience_level=0, shots=100)
    ansatz = fqconv(num_layers=1)
    assert backend.cost([Pass(ansatz, 8)]) == Cost(1, 8, 800)
    assert backend.cost([Pass(ansatz, 8, backward=True)]) == Cost(1, 8, 800)  # surrogate
    assert backend.cost([Pass(ansatz, 8, backward=True)], "spsa") == Cost(2, 8 + 16, 2400)
    shifted = backend.cost([Pass(hqconv(num_layers=1), 1, backward=True)], "param_shift")
    assert shifted.jobs == 2
    assert 12 < shifted.circuits <= 1 + 2 * (12 + 2 * 28)  # a controlled rotation is two Pauli rotations


def test_a_command_that_goes_on_needs_only_what_is_missing(tmp_path):
    backend = make_backend("ibm_runtime", backend_name="fake_kingston", max_qpu_seconds=10)
    with pytest.raises(UserError, match="the command needs about 20 s"):
        backend.require_budget(Cost(10, 10, 0), Journal(tmp_path))
    backend.require_budget(Cost(5, 10, 0), Journal(tmp_path))


@pytest.mark.parametrize(
    "options",
    [{"shots": 0}, {"mode": "dedicated"}, {"resilience_level": 3}, {"token": "x"}, {"max_qpu_seconds": -1}],
)
def test_bad_options(options):
    with pytest.raises(UserError, match=next(iter(options))):
        make_backend("ibm_runtime", **options)
