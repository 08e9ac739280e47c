from __future__ import annotations

import pytest
import torch
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.library import PhaseGate, RXGate, RYGate, SGate, UnitaryGate
from qiskit.quantum_info import SparsePauliOp, Statevector, random_unitary

from backends import make_backend
from qvunet.ansatz import Ansatz

X, W = Parameter("x"), Parameter("w")

GATES = {
    "controlled": lambda: RXGate(W).control(2, annotated=True),
    "on zero": lambda: RYGate(2 * W + 0.1).control(2, ctrl_state=1, annotated=True),
    "inverse": lambda: PhaseGate(W).control(2, annotated=True).inverse(annotated=True),
    "power": lambda: UnitaryGate(random_unitary(8, seed=2)).power(0.5, annotated=True),
    "twice": lambda: SGate().control(1, annotated=True).control(1, annotated=True),
    "nonlinear": lambda: RXGate(W * W).control(2, annotated=True),
}


def circuit_with(gate) -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    for qubit in range(3):
        circuit.ry(X + 0.3 * qubit, qubit)
    circuit.append(gate, [0, 1, 2])
    circuit.rx(W, 0)
    circuit.h(2)
    return circuit


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("backend", ["statevector", "aer_statevector"])
@pytest.mark.parametrize("name", GATES)
def test_annotated_gates_are_carried_out(name, backend, wrapped):
    """At the top and inside of another gate."""
    circuit = circuit_with(GATES[name]())
    expected_circuit = circuit
    if wrapped:
        circuit = QuantumCircuit(3)
        circuit.append(expected_circuit.to_gate(label="inner"), [0, 1, 2])
    observables = [SparsePauliOp("ZII"), SparsePauliOp("XYZ")]
    layer = make_backend(backend).layer(Ansatz("annotated", circuit, [X], [W], observables)).double()
    with torch.no_grad():
        layer.weight.fill_(0.7)
    state = Statevector(expected_circuit.decompose(reps=3).assign_parameters({X: 0.4, W: 0.7}))
    expected = [state.expectation_value(observable).real for observable in observables]
    values = layer(torch.tensor([[0.4]], dtype=torch.double))
    torch.testing.assert_close(values[0], torch.tensor(expected, dtype=torch.double), atol=1e-6, rtol=0)
