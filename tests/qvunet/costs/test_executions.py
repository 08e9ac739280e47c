from __future__ import annotations

import numpy as np
import pytest
import torch
from qiskit.primitives import StatevectorEstimator
from qiskit_machine_learning.neural_networks import EstimatorQNN

from backends import make_backend
from backends.gradients.shifts import grouped_executions, separate_executions
from qvunet.ansatz import basic_entangler, fqconv, hqconv
from qvunet.config import Config
from qvunet.costs.executions import Demand, sampling_demands, stock_demand, training_demands

SMALL = basic_entangler(num_layers=1)


def config(**backend: object) -> Config:
    return Config.model_validate({"backend": backend} if backend else {})


def by_name(demands: list[Demand]) -> dict[tuple[str, str], Demand]:
    return {(demand.backend, demand.gradient): demand for demand in demands}


@pytest.mark.parametrize(
    "options",
    [
        {"gradient": "param_shift"},
        {"gradient": "spsa", "spsa_directions": 3},
        {"gradient": "surrogate"},
        {"gradient": "param_shift", "noise_model": "fake_manila", "tiles": 1},
    ],
)
def test_figures_are_what_a_backend_executes(options):
    """Two layers, one of them of two circuits, on a batch of three."""
    settings = {"name": "aer_shots", "shots": 5, **options}
    backend = make_backend(**settings)
    layers = [backend.layer(SMALL), backend.layer(SMALL, num_circuits=2)]
    backend.start_step(1)
    (layers[0](torch.rand(3, 4)).sum() + layers[1](torch.rand(3, 2, 4)).sum()).backward()
    demand = by_name(training_demands(config(**settings), [(SMALL, 3), (SMALL, 6)]))[
        "aer_shots", options["gradient"]
    ]
    assert demand.is_default
    assert demand.forward + demand.backward == backend.tally.circuits
    assert demand.executions == backend.tally.executions
    assert (demand.jobs, demand.qpu_seconds) == (None, None)


def test_tiles_serve_several_rows():
    rows = [(SMALL, 10), (SMALL, 3)]
    for tiles, runs in ((1, 13), (4, 3 + 1)):
        demands = sampling_demands(config(name="aer_shots", shots=7, tiles=tiles), rows)
        assert by_name(demands)["aer_shots", "param_shift"].executions == 7 * runs


def test_every_backend_is_told_with_its_own_gradient_first():
    demands = training_demands(config(), [(hqconv(), 2)])
    assert [(d.backend, d.gradient) for d in demands if d.is_default] == [
        ("statevector", "adjoint"),
        ("aer_statevector", "param_shift"),
        ("aer_shots", "param_shift"),
        ("ibm_runtime", "surrogate"),
    ]
    found = by_name(demands)
    assert found["statevector", "adjoint"] == Demand("statevector", "adjoint", True, 0, 0)
    assert found["aer_statevector", "param_shift"].executions is None
    shifted = 2 * grouped_executions(hqconv())
    assert [found["aer_shots", g].backward for g in ("param_shift", "spsa", "surrogate")] == [shifted, 4, 0]


def test_an_estimator_is_told_of_where_the_config_names_it():
    """It has no default: nobody could say which."""
    settings = {"name": "estimator", "factory": "qiskit_aer.primitives:EstimatorV2", "shots": 10}
    demands = by_name(training_demands(config(**settings), [(SMALL, 3)]))
    assert demands["estimator", "param_shift"].is_default
    assert demands["estimator", "surrogate"].executions == 30
    assert [d.backend for d in sampling_demands(config(**settings), [(SMALL, 3)])][-1] == "estimator"


def test_the_exact_engine_with_shots_measures():
    demands = by_name(training_demands(config(name="statevector", shots=100), [(fqconv(), 2)]))
    assert demands["statevector", "param_shift"].executions == 100 * 2 * (1 + grouped_executions(fqconv()))
    assert ("statevector", "surrogate") in demands


@pytest.mark.parametrize("gradient", ["param_shift", "spsa", "surrogate"])
def test_hardware_costs_what_its_backend_says(gradient):
    from backends.ibm.backend import Pass

    settings = {"name": "ibm_runtime", "backend_name": "fake_kingston", "shots": 300, "gradient": gradient}
    demand = by_name(training_demands(config(**settings), [(SMALL, 4), (hqconv(), 2)]))[
        "ibm_runtime", gradient
    ]
    cost = make_backend(**settings).cost([Pass(SMALL, 4, True), Pass(hqconv(), 2, True)])
    assert (demand.executions, demand.jobs, demand.qpu_seconds) == (
        cost.executions, cost.jobs, cost.qpu_seconds
    )  # fmt: skip
    assert demand.forward + demand.backward == cost.circuits


def test_the_stock_network_is_counted_as_it_counts():
    """Each PUB of the stock class holds one value."""
    counted = 0

    class Counting(StatevectorEstimator):
        def run(self, pubs, *, precision=None):
            nonlocal counted
            counted += len(pubs)
            return super().run(pubs, precision=precision)

    stock = EstimatorQNN(
        circuit=SMALL.circuit,
        estimator=Counting(),
        observables=SMALL.observables,
        input_params=list(SMALL.inputs),
        weight_params=list(SMALL.weights),
        input_gradients=True,
    )
    stock.backward(np.zeros((1, 4)), np.zeros(4))
    assert counted == separate_executions(SMALL) == 64
    demand = stock_demand(config(name="aer_shots", shots=10), [(SMALL, 3)])
    assert (demand.forward, demand.backward) == (3 * 4, 3 * 64)
    assert demand.executions == 10 * 3 * (4 + 64)


def test_the_known_figures_of_the_paper_s_circuits():
    assert separate_executions(hqconv()) == 1632
    assert separate_executions(fqconv()) == 1440
    assert grouped_executions(fqconv()) <= 30
