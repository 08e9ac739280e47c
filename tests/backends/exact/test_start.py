import numpy as np
import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit

from backends.circuits.structure import Component
from backends.exact.encoding import split_encoding
from backends.exact.start import ProductState
from tests.backends.exact.forced import program_of
from tests.backends.random_circuits import TestAnsatz, fidelity


@pytest.mark.parametrize(
    "parts", [[[0, 1, 2, 3, 4]], [[0, 3], [1, 2, 4]], [[1], [0, 2], [3, 4]], [[4], [3], [2], [1], [0]]]
)
def test_state_and_gradients(parts):
    """Gates within parts of unequal size, in any order; one qubit without an Rx."""
    x, w = ParameterVector("x", 4), ParameterVector("w", 6)
    circuit = QuantumCircuit(5)
    for qubit in range(4):
        circuit.rx(x[qubit] + (w[5] if qubit == 2 else 0), qubit)
    for k, part in enumerate(parts):
        circuit.ry(w[k], part[0])
        if len(part) > 1:
            circuit.crx(w[k], part[0], part[1])
            circuit.cx(part[1], part[0])
    used = circuit.parameters
    ansatz = TestAnsatz(circuit, [*x], [each for each in w if each in used])
    program = program_of(ansatz)
    whole = Component(tuple(range(5)), program.operations, tuple(range(program.num_angles)))
    leading, operations = split_encoding(whole)
    product = ProductState(parts, leading, operations, [whole], program.angles)
    inputs, weights = ansatz.parameters(groups=2, rows=3)

    state, pull = product(inputs, weights)
    order = [qubit for part in parts for qubit in part]
    axes = (1 + np.argsort(order)).tolist()
    found = state.reshape(2, *[2] * 5, 3).permute(0, 6, *axes).reshape(2, 3, 32)
    overlap = fidelity(found.numpy(), ansatz.states(inputs, weights))
    np.testing.assert_allclose(overlap, 1, atol=1e-12)

    inputs.requires_grad_(), weights.requires_grad_()
    gradient = torch.randn(state.shape, dtype=state.dtype, generator=torch.Generator().manual_seed(0))
    expected = torch.autograd.grad(product(inputs, weights)[0], (inputs, weights), gradient)
    torch.testing.assert_close(pull(gradient), expected)
