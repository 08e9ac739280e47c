from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit

from qvunet.ansatz import fqconv, hqconv
from qvunet.ansatz.reuploading import reuploaded
from qvunet.diagnostics.draws import random_parameters
from qvunet.diagnostics.spectrum import spectrum
from tests.backends.random_circuits import TestAnsatz, z_observables
from tests.qvunet.diagnostics.circuits import ghz


def single(*scales: float, controlled: bool = False) -> TestAnsatz:
    """Rx of these multiples of one input on qubit 0, which is read; on demand controlled by a |+>."""
    x = ParameterVector("x", 1)
    circuit = QuantumCircuit(1 + controlled)
    if controlled:
        circuit.h(1)
    for scale in scales:
        gate = circuit.crx if controlled else circuit.rx
        gate(scale * x[0], *([1, 0] if controlled else [0]))
    return TestAnsatz(circuit, x, [], z_observables(1 + controlled)[:1])


NO_WEIGHTS = torch.zeros(1, 0, dtype=torch.float64)


def test_rx_and_z_are_one_frequency():
    """cos x: no constant, and half the power at +1, half at -1."""
    found = spectrum(single(1), NO_WEIGHTS)
    assert found.frequencies == (0, 1)
    np.testing.assert_allclose(found.power, [[0, 0.5]], atol=1e-12)
    np.testing.assert_allclose(found.shares, [0, 1], atol=1e-12)
    assert found.highest == 1


def test_two_rx_double_the_frequency():
    found = spectrum(single(1, 1), NO_WEIGHTS)
    assert found.frequencies == (0, 1, 2)
    np.testing.assert_allclose(found.power, [[0, 0, 0.5]], atol=1e-12)


@pytest.mark.parametrize(("scales", "frequencies"), [([np.pi], [0, np.pi]), ([1, 0.5], [0, 0.5, 1, 1.5])])
def test_scaled_inputs(scales, frequencies):
    found = spectrum(single(*scales), NO_WEIGHTS)
    np.testing.assert_allclose(found.frequencies, frequencies)
    assert found.shares[-1] == pytest.approx(1)


def test_a_control_halves_the_frequency():
    """The control is in |+>: <Z> = (1 + cos x) / 2."""
    found = spectrum(single(1, controlled=True), NO_WEIGHTS)
    assert found.frequencies == (0, 0.5, 1)
    np.testing.assert_allclose(found.power, [[0.25, 0, 0.125]], atol=1e-12)


def test_frequencies_without_a_unit_and_circuits_without_inputs_have_none():
    assert spectrum(single(1, np.sqrt(2)), NO_WEIGHTS) is None
    assert spectrum(ghz(), NO_WEIGHTS) is None


def test_powers_add_up_to_the_mean_square():
    ansatz = hqconv(1)
    _, weights = random_parameters(ansatz, 2, seed=5)
    found = spectrum(ansatz, weights, draws=3)
    assert np.shape(found.power) == (12, 2)
    truth = TestAnsatz(ansatz.circuit, ansatz.inputs, ansatz.weights)
    others, _ = random_parameters(ansatz, 3, 0, counter=1)
    rows = others.repeat(4, 1)  # three draws, at four places of the last input each
    rows[:, 11] = torch.arange(4).repeat_interleave(3) * (np.pi / 2)
    squares = truth.expectations(rows.expand(2, -1, -1), weights).square()
    assert sum(found.power[11]) == pytest.approx(squares.mean().item())


def test_uploads_of_a_datum_move_together():
    ansatz = reuploaded(fqconv(num_layers=1), 2)
    _, weights = random_parameters(ansatz, 1, seed=5)
    found = spectrum(ansatz, weights)
    assert found.frequencies == (0, 1, 2)
    assert np.shape(found.power) == (12, 3)
    assert found.highest == 2


def test_weights_are_those_given():
    x, w = ParameterVector("x", 1), ParameterVector("w", 1)
    circuit = QuantumCircuit(1)
    circuit.rx(x[0], 0)
    circuit.ry(w[0], 0)  # cos x cos w
    ansatz = replace(single(1), circuit=circuit, inputs=x, weights=w)
    found = spectrum(ansatz, torch.tensor([[0.0], [np.pi / 2]], dtype=torch.float64))
    np.testing.assert_allclose(found.power, [[0, 0.25]], atol=1e-12)
