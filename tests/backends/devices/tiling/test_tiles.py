from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from backends import make_backend
from backends.circuits.emission import angle_circuit
from backends.devices.tiling.tiles import tile, tiled_rows, tiles_in_use
from backends.ibm.budget import count_bases
from qvunet.ansatz import basic_entangler
from tests.backends.random_circuits import TestAnsatz
from tests.backends.statistics import assert_standard_normal_moments

PAIR = basic_entangler(num_qubits=2, num_layers=1)


def layer_of(ansatz, **options):
    torch.manual_seed(0)
    return make_backend("aer_shots", threads=1, **options).layer(ansatz)


def exactly(circuit, rows, paulis):
    """Expectations by Qiskit's own state vector, (num_paulis, R)."""
    states = [Statevector(circuit.assign_parameters(row)) for row in rows]
    return np.array([[s.expectation_value(SparsePauliOp(p)).real for s in states] for p in paulis])


@pytest.mark.parametrize("tiles", [1, 2, 3, 8])
def test_tiled_values_are_each_row_s_own(tiles):
    circuit = angle_circuit(PAIR)
    rows = np.random.default_rng(0).uniform(-3, 3, (5, circuit.num_parameters))
    paulis = ["IZ", "ZI", "XY"]
    tiled = tile(circuit, rows, paulis, tiles)
    values = tiled.untile(exactly(tiled.circuit, tiled.rows, tiled.paulis))
    np.testing.assert_allclose(values, exactly(circuit, rows, paulis), atol=1e-12)
    assert tiled.circuit.num_qubits == 2 * min(tiles, 5)
    assert len(tiled.rows) == -(-5 // tiles)
    assert count_bases(tiled.paulis) == count_bases(paulis)


def test_more_parameters_than_ten_keep_their_order():
    angles = ParameterVector("a", 12)
    circuit = QuantumCircuit(1)
    for k, angle in enumerate(angles):
        (circuit.rx if k % 2 else circuit.ry)(angle, 0)
    rows = np.random.default_rng(1).uniform(-3, 3, (3, 12))
    tiled = tile(circuit, rows, ["Z"], 3)
    values = tiled.untile(exactly(tiled.circuit, tiled.rows, tiled.paulis))
    np.testing.assert_allclose(values, exactly(circuit, rows, ["Z"]), atol=1e-12)


def test_a_circuit_without_parameters():
    circuit = QuantumCircuit(1)
    circuit.x(0)
    tiled = tile(circuit, np.zeros((3, 0)), ["Z"], 2)
    assert tiled.rows.shape == (2, 0)
    np.testing.assert_array_equal(tiled.untile(np.array([[1.0, 2.0], [3.0, 4.0]])), [[1, 3, 2]])


@given(st.integers(1, 60), st.integers(1, 12))
def test_no_execution_and_no_tile_is_wasted(num_rows, tiles):
    used = tiles_in_use(tiles, num_rows)
    assert 1 <= used <= min(tiles, num_rows)
    assert tiled_rows(num_rows, used) == tiled_rows(num_rows, tiles)
    assert used == 1 or tiled_rows(num_rows, used - 1) > tiled_rows(num_rows, used)


def test_padding_never_reaches_the_values():
    circuit = angle_circuit(PAIR)
    rows = np.zeros((5, circuit.num_parameters))
    tiled = tile(circuit, rows, ["IZ"], 3)  # two executions of three tiles for five rows
    marked = np.array([[0.0, 3.0], [1.0, 4.0], [2.0, np.nan]])
    np.testing.assert_array_equal(tiled.untile(marked), [[0, 1, 2, 3, 4]])


def test_errors_of_tiled_shots_are_those_of_counting():
    ring = basic_entangler(num_qubits=8, num_layers=1)
    layer = layer_of(ring, shots=100, tiles=3)
    exact = make_backend("statevector").layer(ring)
    exact.load_state_dict(layer.state_dict())
    inputs = 6 * torch.rand(1400, 8)
    with torch.no_grad():
        assert_standard_normal_moments(layer(inputs), exact(inputs), 100)


def test_rows_that_share_an_execution_are_independent():
    x = ParameterVector("x", 1)
    bell = QuantumCircuit(2)
    bell.rx(x[0], 0)
    bell.cx(0, 1)
    layer = layer_of(TestAnsatz(bell, [*x], []), shots=20, tiles=4)
    executions = 500
    with torch.no_grad():
        values = layer(torch.full((4 * executions, 1), torch.pi / 2)).reshape(executions, 4 * 2)
    correlations = torch.corrcoef(values.T)
    same_tile = torch.block_diag(*[torch.ones(2, 2)] * 4).bool()
    torch.testing.assert_close(correlations[same_tile], torch.ones(16), atol=1e-4, rtol=0)
    assert correlations[~same_tile].abs().max() < 5 / executions**0.5


def test_shifted_rows_are_tiled_too():
    shots = 4000
    layers = [layer_of(PAIR, shots=shots, tiles=tiles) for tiles in (1, 8)]
    exact = make_backend("statevector").layer(PAIR)
    exact.load_state_dict(layers[0].state_dict())
    gradients = []
    for layer in [exact, *layers]:
        inputs = torch.tensor([[0.3, 1.4], [2.0, 0.6], [1.1, 2.5]], requires_grad=True)
        layer(inputs).sum().backward()
        gradients.append(torch.cat([inputs.grad.flatten(), layer.weight.grad]))
    assert [layer.backend.tally.circuits for layer in layers] == [3 + 3 * 8, 1 + 3]
    sigma = (3 * 2 / 2 / shots) ** 0.5  # at most: three samples of two observables, each half a difference
    for gradient in gradients[1:]:
        assert (gradient - gradients[0]).abs().max() < 5 * sigma
    assert gradients[0].abs().max() > 20 * sigma
