from __future__ import annotations

import numpy as np
import pytest
import torch

from qvunet.ansatz import basic_entangler, fqconv, hqconv
from qvunet.diagnostics import gradients
from qvunet.diagnostics.draws import random_parameters
from qvunet.diagnostics.gradients import gradient_variance, scan_gradients, weight_gradients
from tests.backends.random_circuits import TestAnsatz
from tests.qvunet.diagnostics.circuits import rotations


def test_variances_are_those_of_finite_differences():
    """Of an independent calculation: Qiskit's states, central differences, the same parameters."""
    ansatz = basic_entangler(3, 1)
    truth = TestAnsatz(ansatz.circuit, ansatz.inputs, ansatz.weights)
    inputs, weights = random_parameters(ansatz, 5, seed=3)
    step, differences = 1e-5, []
    for direction in torch.eye(3, dtype=torch.float64):
        up, down = (
            truth.expectations(inputs.unsqueeze(1), weights + sign * step * direction) for sign in (1, -1)
        )
        differences.append(((up - down) / (2 * step)).squeeze(1))
    expected = torch.stack(differences, dim=-1)
    np.testing.assert_allclose(weight_gradients(ansatz, inputs, weights), expected, atol=1e-8)
    found = gradient_variance(ansatz, 5, seed=3)
    np.testing.assert_allclose(found.by_weight, expected[:, 0].var(dim=0), rtol=1e-6, atol=1e-12)


def test_of_a_rotation_it_is_a_half():
    """d cos(x + w) / dw = -sin(x + w); weights of other qubits are outside of the cone and not averaged."""
    found = gradient_variance(rotations(), samples=4000)
    assert found.first == pytest.approx(0.5, abs=4 * found.first_error)
    assert found.mean == pytest.approx(0.5, abs=4 * found.mean_error)
    assert 0 < found.first_error < 0.01
    assert found.by_weight[1:] == (0.0, 0.0)


def test_errors_are_those_of_repeated_draws():
    found = [gradient_variance(fqconv(1, 2), 50, seed) for seed in range(20)]
    spread = np.std([each.mean for each in found])
    assert np.mean([each.mean_error for each in found]) == pytest.approx(spread, rel=0.4)


def test_chunks_do_not_matter(monkeypatch):
    whole = gradient_variance(fqconv(1), 7)
    monkeypatch.setattr(gradients, "CHUNK", 3)
    assert gradient_variance(fqconv(1), 7).by_weight == pytest.approx(whole.by_weight)


def test_a_scan_holds_layers_and_sizes():
    scan = scan_gradients(hqconv(2), samples=2)
    assert [(row.num_qubits, row.num_layers) for row in scan.layers] == [(12, n) for n in (1, 2, 3, 4)]
    assert [(row.num_qubits, row.num_layers) for row in scan.qubits] == [(n, 2) for n in (4, 8, 12, 16)]
    assert scan.own is scan.layers[1] is scan.qubits[2]


def test_members_that_cost_too_much_are_left_out(monkeypatch):
    monkeypatch.setattr(gradients, "MAX_ROW_COST", 1000)
    scan = scan_gradients(basic_entangler(4, 1), samples=2)
    assert [row.num_qubits for row in scan.qubits] == [2, 4]


def test_other_circuits_have_no_family():
    scan = scan_gradients(rotations(), samples=3)
    assert (scan.layers, scan.qubits, scan.own.num_layers) == ((), (), 0)
