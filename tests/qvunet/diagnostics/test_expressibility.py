from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from qvunet.ansatz import fqconv
from qvunet.diagnostics import states
from qvunet.diagnostics.expressibility import (
    BINS,
    _found,
    divergence,
    expressibility,
    haar_quantile,
    log_haar,
)
from qvunet.diagnostics.states import draw_pairs, meyer_wallach
from tests.qvunet.diagnostics.circuits import ghz, haar_qubit, idle, rotations


@pytest.mark.parametrize("num_qubits", [1, 2, 12])
def test_an_idle_circuit_has_the_known_value(num_qubits):
    """All fidelities in the last bin: (N - 1) ln 75, which is the 4.30 of Sim et al. for one qubit."""
    found = expressibility(idle(num_qubits), samples=10)[0]
    assert found.sim.value == pytest.approx((2**num_qubits - 1) * math.log(BINS))
    assert found.even.value == pytest.approx(math.log(BINS))
    assert found.sim.error == pytest.approx(0, abs=1e-9)
    assert found.even.error == pytest.approx(0, abs=1e-9)
    assert found.entanglement == pytest.approx(0, abs=1e-12)


def haar_states(samples: int, num_qubits: int, rng: np.random.Generator) -> np.ndarray:
    parts = rng.normal(size=(2, samples, 2**num_qubits))
    drawn = parts[0] + 1j * parts[1]
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


@pytest.mark.parametrize("num_qubits", [1, 3])
def test_haar_random_states_have_what_is_announced(num_qubits):
    rng = np.random.default_rng(0)
    a, b = (haar_states(5000, num_qubits, rng) for _ in range(2))
    fidelities = np.abs(np.sum(a.conj() * b, axis=1)) ** 2
    found = _found(tuple(range(num_qubits)), fidelities, np.zeros(5000), seed=0)
    for each in (found.sim, found.even):
        assert each.value == pytest.approx(each.haar, abs=0.006)
        assert each.haar < 0.01


@pytest.mark.parametrize("num_qubits", [1, 4, 12])
def test_haar_shares_are_a_distribution(num_qubits):
    logs = log_haar(num_qubits)
    assert np.exp(logs).sum() == pytest.approx(1)
    assert np.all(np.isfinite(logs))
    assert np.exp(logs[0]) == pytest.approx(1 - (1 - 1 / BINS) ** (2**num_qubits - 1))


def test_quantiles():
    np.testing.assert_allclose(haar_quantile(np.array([0, 0.5, 1]), 2), [0, 7 / 8, 1])


def test_divergence():
    assert divergence(np.array([0.5, 0.5, 0]), np.log([0.25, 0.25, 0.5])) == pytest.approx(math.log(2))


def test_single_qubit_circuits_of_sim_et_al():
    """Uniform angles of Rz Rx Rz: <Z> = cos w has an arcsine distribution where Haar's is uniform."""
    found = expressibility(haar_qubit(), samples=20_000)[0]
    w = np.random.default_rng(1).uniform(0, 2 * np.pi, (4, 10**6))
    z = np.cos(w[:2])
    cosine = z[0] * z[1] + np.sin(w[0]) * np.sin(w[1]) * np.cos(w[2])
    shares = np.histogram((1 + cosine) / 2, BINS, (0, 1))[0] / 10**6
    assert found.sim.value == pytest.approx(divergence(shares, log_haar(1)), abs=4 * found.sim.error)


def test_products_are_not_entangled_and_ghz_is():
    assert expressibility(rotations(3), samples=20)[0].entanglement == pytest.approx(0, abs=1e-12)
    found = expressibility(ghz(4), samples=20)
    assert [each.qubits for each in found] == [(0, 1, 2, 3)]
    assert found[0].entanglement == pytest.approx(1)
    assert found[0].entanglement_error == pytest.approx(0, abs=1e-12)


def test_entanglement_between_it_all():
    """Of cos a |00> + sin a |11>: sin^2 2a. With an idle third qubit two thirds of that."""
    a = 0.4
    pair = torch.zeros(1, 4, dtype=torch.complex128)
    pair[0, 0], pair[0, 3] = math.cos(a), math.sin(a)
    assert meyer_wallach(pair).item() == pytest.approx(math.sin(2 * a) ** 2)
    three = torch.kron(pair, torch.tensor([[1, 0]], dtype=pair.dtype))
    assert meyer_wallach(three).item() == pytest.approx(2 / 3 * math.sin(2 * a) ** 2)


def test_parts_and_whole_agree():
    found = expressibility(fqconv(1), samples=200)
    assert [each.qubits for each in found] == [tuple(range(12)), *((p, p + 4, p + 8) for p in range(4))]
    assert found[0].entanglement == pytest.approx(np.mean([each.entanglement for each in found[1:]]))
    pairs = draw_pairs(fqconv(1), 200)
    shares = np.histogram(haar_quantile(pairs.fidelities.numpy().prod(axis=0), 12), BINS, (0, 1))[0] / 200
    assert found[0].even.histogram == pytest.approx(tuple(shares))


def test_chunks_do_not_matter(monkeypatch):
    whole = draw_pairs(fqconv(1), 10)
    monkeypatch.setattr(states, "CHUNK_AMPLITUDES", 100)
    parts = draw_pairs(fqconv(1), 10)
    torch.testing.assert_close(parts.fidelities, whole.fidelities)
    torch.testing.assert_close(parts.entanglement, whole.entanglement)


def test_errors_are_those_of_repeated_draws():
    found = [expressibility(rotations(1), 300, seed)[0] for seed in range(40)]
    for name in ("sim", "even"):
        each = [getattr(one, name) for one in found]
        assert np.mean([one.error for one in each]) == pytest.approx(
            np.std([one.value for one in each]), rel=0.4
        )


def test_large_states_are_left_out():
    assert expressibility(ghz(15), samples=2) == ()
