"""DeepQuantum: batched torch state vectors."""

from __future__ import annotations

import deepquantum as dq
import torch
from torch import Tensor

from qvunet.reports.benchmark.problem import gates, make_problem
from qvunet.reports.benchmark.systems.torch_layer import Call, forward_backward

METHODS = {"rx": "rx", "crx": "crx", "crz": "crz", "cx": "cnot"}


def build(*, ansatz: str, rows: int, **options: int) -> Call:
    """A pass over the problem, ready to be timed."""
    problem = make_problem(ansatz, rows, **options)
    circuit = dq.QubitCircuit(problem.ansatz.num_qubits)
    for gate in gates(problem.ansatz.circuit):
        # An `encode` gate takes the next column of the data; every other one makes its own parameter.
        encoding = {"encode": True} if gate.angle and gate.angle[0] == "x" else {}
        getattr(circuit, METHODS[gate.name])(*gate.qubits, **encoding)
    for qubit in range(problem.ansatz.num_qubits):
        circuit.observable(qubit)
    weights = list(circuit.parameters())
    with torch.no_grad():
        for parameter, angle in zip(weights, problem.weights, strict=True):
            parameter.fill_(float(angle))

    def layer(inputs: Tensor) -> Tensor:
        circuit(inputs)
        return circuit.expectation()

    return forward_backward(layer, weights, problem, torch.float32)
