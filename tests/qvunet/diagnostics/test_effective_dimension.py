from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from backends import UserError
from qvunet.ansatz import Ansatz
from qvunet.diagnostics.effective_dimension import effective_dimension, fisher_information
from qvunet.reports.benchmark.systems.dimension import stock_dimension
from qvunet.reports.benchmark.tutorials import SIZES, for_dimension


@pytest.mark.parametrize("local", [True, False])
def test_as_qiskit_machine_learning_has_it(local):
    ansatz, inputs, weights = for_dimension(local)
    inputs, weights = inputs[:8], weights[:3]
    ours = effective_dimension(ansatz, inputs, weights, SIZES)
    assert torch.allclose(ours, stock_dimension(ansatz, inputs, weights, SIZES), atol=1e-9)
    assert (ours > 1).all()
    assert (ours < len(ansatz.weights)).all()


def rotations(observable: str = "Z") -> Ansatz:
    """<Z> is cos(x + w)."""
    x, w = ParameterVector("x", 1), ParameterVector("w", 2)
    circuit = QuantumCircuit(1)
    circuit.rx(x[0], 0)
    circuit.rx(w[0], 0)
    circuit.rz(w[1], 0)
    return Ansatz("rotations", circuit, x, w, [SparsePauliOp(observable)])


def test_information_of_an_angle_is_one_wherever_it_stands():
    """p = cos^2((x + w)/2) has the information 1 for every w; a phase that is not read has none."""
    inputs = torch.linspace(0.3, 2.0, 5, dtype=torch.float64).unsqueeze(1)
    weights = torch.tensor([[0.4, 0.1], [-1.0, 2.0]], dtype=torch.float64)
    expected = np.broadcast_to(np.diag([1.0, 0.0]), (2, 2, 2))
    assert np.allclose(fisher_information(rotations(), inputs, weights), expected)
    assert effective_dimension(rotations(), inputs, weights, [10**9]).item() == pytest.approx(1, abs=0.1)


def test_certain_outcomes_carry_no_information():
    nothing = torch.zeros(1, 1, dtype=torch.float64)
    information = fisher_information(rotations(), nothing, torch.zeros(1, 2, dtype=torch.float64))
    assert torch.equal(information, torch.zeros(1, 2, 2, dtype=torch.float64))


def test_refusals():
    two = replace(rotations(), observables=[SparsePauliOp("Z"), SparsePauliOp("X")])
    numbers = torch.zeros(1, 1), torch.zeros(1, 2)
    with pytest.raises(UserError, match="one tells two classes apart, not 2"):
        effective_dimension(two, *numbers, [100])
    with pytest.raises(UserError, match="at least 10 data, not 3"):
        effective_dimension(rotations(), *numbers, [100, 3])
