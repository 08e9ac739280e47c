from __future__ import annotations

import numpy as np
import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit

from backends import make_backend
from backends.gradients.autograd import CircuitFunction
from backends.measuring.noise_stream import NoiseStream
from backends.statevector.sampling import SampledCircuit, draw_frequencies
from qvunet.ansatz import basic_entangler, fqconv, hqconv
from tests.backends import reference
from tests.backends.random_circuits import TestAnsatz
from tests.backends.statistics import assert_standard_normal_moments, slope

ANSAETZE = [hqconv(num_layers=1), fqconv(num_layers=1), basic_entangler(num_qubits=4, num_layers=4)]


def layers(ansatz, **options):
    """A layer with these options, and an exact one of the same weights."""
    exact, made = (
        make_backend("statevector").layer(ansatz),
        make_backend("statevector", **options).layer(ansatz),
    )
    made.load_state_dict(exact.state_dict())
    return made, exact


def bell() -> TestAnsatz:
    x = ParameterVector("x", 1)
    circuit = QuantumCircuit(2)
    circuit.rx(x[0], 0)
    circuit.cx(0, 1)
    return TestAnsatz(circuit, [*x], [])


@pytest.mark.parametrize("ansatz", ANSAETZE, ids=lambda a: a.name)
@pytest.mark.parametrize("shots", [200, 5000])
def test_errors_are_those_of_counting(ansatz, shots):
    torch.manual_seed(0)
    layer, exact = layers(ansatz, shots=shots)
    inputs = 6 * torch.rand(12_600 // ansatz.num_qubits, ansatz.num_qubits)
    with torch.no_grad():
        assert_standard_normal_moments(layer(inputs), exact(inputs), shots)


@pytest.mark.parametrize("shots", [3, 4, 500])
def test_bitstrings_are_whole(shots):
    layer, _ = layers(bell(), shots=shots)
    values = layer(torch.linspace(0, 3, 50)[:, None])
    assert torch.equal(values[:, 0], values[:, 1])
    assert len(values.unique()) > 3


@pytest.mark.parametrize("shots", [5, 64])  # fewer and more than there are bitstrings
def test_frequencies_follow_the_distribution(shots):
    state = torch.randn(1, 1, 16, dtype=torch.cfloat, generator=torch.Generator().manual_seed(1))
    probabilities = state.abs().square().double()
    probabilities /= probabilities.sum()
    drawn = draw_frequencies(state.expand(1, 20_000, 16), shots, np.random.default_rng(0))
    assert torch.allclose(drawn.sum(-1), torch.ones(1).double())
    assert torch.allclose(drawn * shots, (drawn * shots).round(), atol=1e-9)
    deviation = (drawn.mean(1) - probabilities[:, 0]).abs() / (probabilities[:, 0] / shots / 20_000).sqrt()
    assert deviation.max() < 5


@pytest.mark.parametrize("case", reference.cases(), ids=reference.case_name)
def test_without_shots_the_shift_rule_is_exact(case):
    backend = make_backend("statevector", gradient="param_shift")
    for name, value in reference.run_case(backend, case, torch.float64).items():
        expected = torch.tensor(case[name], dtype=torch.float64)
        tolerance = reference.VALUE_DIGITS if name == "expectations" else reference.GRADIENT_DIGITS
        assert (value - expected).abs().max() < tolerance


def test_chunks_change_nothing(monkeypatch):
    layer, exact = layers(hqconv(num_layers=1), gradient="param_shift")
    inputs = torch.rand(5, 12)
    monkeypatch.setattr("backends.statevector.sampling.CHUNK_AMPLITUDES", 2 * 4096)
    torch.testing.assert_close(layer(inputs), exact(inputs))


def test_gradient_variance_falls_as_one_over_shots():
    torch.manual_seed(0)
    shots = [128, 512, 2048, 8192]
    variances = []
    for n in shots:
        layer, _ = layers(basic_entangler(num_qubits=4, num_layers=2), shots=n, seed=n)
        inputs = torch.full((400, 4), 0.7, requires_grad=True)
        torch.nn.init.constant_(layer.weight, 0.4)
        layer(inputs).sum().backward()
        variances.append(float(inputs.grad.var(0).mean()))
    assert slope(shots, variances) == pytest.approx(-1, abs=0.1)


def test_the_two_shifts_have_independent_noise():
    """One qubit: the derivative is half a difference, so its variance is half of a value's."""
    x = ParameterVector("x", 1)
    circuit = QuantumCircuit(1)
    circuit.rx(x[0], 0)
    layer, _ = layers(TestAnsatz(circuit, [*x], []), shots=100)
    inputs = torch.zeros(4000, 1, requires_grad=True)
    layer(inputs).sum().backward()
    assert float(inputs.grad.var()) * 100 == pytest.approx(0.5, rel=0.1)


def test_a_gradient_is_right_on_average():
    torch.manual_seed(0)
    layer, exact = layers(basic_entangler(num_qubits=4, num_layers=2), shots=1000)
    inputs = (6 * torch.rand(1, 4)).expand(500, 4)
    weight = torch.randn(4)
    for made in (layer, exact):
        (made(inputs) @ weight).mean().backward()
    assert (layer.weight.grad - exact.weight.grad).abs().max() < 5 * 2 / (1000 * 500) ** 0.5


def test_noise_is_fresh_and_reproducible():
    layer, _ = layers(bell(), shots=50, seed=3)
    inputs = torch.full((100, 1), 1.5)
    first, second = layer(inputs), layer(inputs)
    assert not torch.equal(first, second)
    assert len(first[:, 0].unique()) > 5  # rows differ
    layer.backend.start_step(0)
    assert torch.equal(layer(inputs), first)
    layer.backend.start_step(1)
    assert not torch.equal(layer(inputs), first)


def test_parameters_that_nothing_depends_on_get_zero():
    x = ParameterVector("x", 1)
    circuit = QuantumCircuit(1)
    circuit.rz(x[0], 0)
    inputs, weights = torch.rand(1, 3, 1, requires_grad=True), torch.rand(1, 0)
    sampled = SampledCircuit(TestAnsatz(circuit, [*x], []), 10, NoiseStream(0))
    measured = CircuitFunction(sampled)(inputs, weights)
    assert torch.equal(measured, torch.ones(1, 3, 1))
    measured.sum().backward()
    assert torch.equal(inputs.grad, torch.zeros_like(inputs))
