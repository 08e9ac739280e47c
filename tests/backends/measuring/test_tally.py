"""What a gradient has executed, and what the stock EstimatorQNN would have."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from qiskit.primitives import BaseEstimatorV2, DataBin, PrimitiveJob, PrimitiveResult, PubResult
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit_machine_learning.neural_networks import EstimatorQNN

from backends import make_backend
from backends.layer import start_step, step_tally
from qvunet.ansatz import basic_entangler, fqconv, hqconv

PAIR = basic_entangler(num_qubits=2, num_layers=1)


class Counter(BaseEstimatorV2):
    """Counts what it is asked, a circuit executed for each value, and answers 0."""

    def __init__(self) -> None:
        self.values = 0

    def run(self, pubs, *, precision=None):
        coerced = [EstimatorPub.coerce(pub, precision) for pub in pubs]
        self.values += sum(pub.size for pub in coerced)
        zeros = [
            PubResult(DataBin(evs=np.zeros(pub.shape), stds=np.zeros(pub.shape), shape=pub.shape))
            for pub in coerced
        ]
        job = PrimitiveJob(lambda: PrimitiveResult(zeros))
        job._submit()
        return job


def stock_executions(ansatz) -> int:
    """Of the gradient of one sample."""
    counter = Counter()
    qnn = EstimatorQNN(
        circuit=ansatz.circuit,
        estimator=counter,
        observables=ansatz.observables,
        input_params=ansatz.inputs,
        weight_params=ansatz.weights,
        input_gradients=True,
    )
    qnn.backward(np.zeros((1, len(ansatz.inputs))), np.zeros(len(ansatz.weights)))
    return counter.values


@pytest.mark.parametrize(
    ("ansatz", "stock", "factor"),
    [(hqconv(num_layers=1), 1632, 80), (fqconv(num_layers=1), 1440, 300)],
    ids=["hqconv", "fqconv"],
)
def test_a_gradient_takes_a_fraction_of_the_stock_network_s_executions(ansatz, stock, factor):
    assert stock_executions(ansatz) == stock
    backend = make_backend("aer_shots", shots=1, tiles=8, threads=1)
    values = backend.layer(ansatz)(torch.zeros(8, 12))
    forward = backend.tally.circuits
    assert forward == 1
    values.sum().backward()
    assert 8 * stock / (backend.tally.circuits - forward) >= factor


@pytest.mark.parametrize(
    ("options", "circuits"),
    [
        ({"name": "statevector"}, 0),
        ({"name": "aer_statevector"}, 0),
        ({"name": "statevector", "shots": 5}, 3 + 3 * 8),
        ({"name": "statevector", "shots": 5, "gradient": "spsa", "spsa_directions": 4}, 3 + 3 * 8),
        ({"name": "statevector", "shots": 5, "gradient": "surrogate"}, 3),
        ({"name": "aer_shots", "shots": 5}, 3 + 3 * 8),
        ({"name": "aer_shots", "shots": 5, "tiles": 3}, 1 + 8),
        ({"name": "aer_shots", "shots": 5, "gradient": "surrogate"}, 3),
    ],
    ids=str,
)
def test_what_a_step_has_measured(options, circuits):
    backend = make_backend(**options)
    net = torch.nn.ModuleList([backend.layer(PAIR)])
    start_step(net, 1)
    net[0](torch.zeros(3, 2)).sum().backward()
    tally = step_tally(net)
    assert (tally.circuits, tally.executions) == (circuits, 5 * circuits)
    start_step(net, 2)
    assert step_tally(net).circuits == 0


def test_a_backend_of_several_layers_counts_once():
    backend = make_backend("statevector", shots=5)
    other = make_backend("statevector", shots=7)
    net = torch.nn.ModuleList([backend.layer(PAIR), backend.layer(PAIR), other.layer(PAIR)])
    for layer in net:
        layer(torch.zeros(3, 2))
    tally = step_tally(net)
    assert (tally.circuits, tally.executions) == (9, 6 * 5 + 3 * 7)


def test_each_measurement_basis_is_a_circuit():
    from backends.aer.shots import AerShotsEstimator
    from backends.circuits.emission import angle_circuit

    estimator = AerShotsEstimator(default_shots=5)
    circuit = angle_circuit(PAIR)
    estimator.measure(circuit, np.zeros((3, circuit.num_parameters)), ["IZ", "ZZ", "XI"], None)
    assert (estimator.tally.circuits, estimator.tally.executions) == (6, 30)
