"""Expressibility and entangling capability.

Sim, Johnson and Aspuru-Guzik 2019, arXiv:1905.10876. Expressibility is the Kullback-Leibler divergence of the
distribution of fidelities between states at random parameters from that between Haar-random states: 0 for a
circuit that reaches all states evenly, large for one that reaches few. Entangling capability is the mean of
Meyer and Wallach's measure: 0 for product states, 1 where every qubit is maximally entangled with the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backends.circuits.program import Ansatz
from qvunet.diagnostics.states import draw_pairs

SAMPLES = 2000
"""Pairs of states."""
BINS = 75
"""Of fidelities, as Sim et al. take them."""
RESAMPLES = 200
"""Histograms drawn anew for a standard error."""

Histogram = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Divergence:
    """Of a histogram from what Haar-random states give.

    Attributes:
        value: Kullback-Leibler divergence in nats.
        error: its standard error (bootstrap).
        haar: what as many pairs of Haar-random states get on average: nothing at or below it can be told
            apart from Haar's.
        histogram: (bins,) shares of the fidelities.
    """

    value: float
    error: float
    haar: float
    histogram: tuple[float, ...]


@dataclass(frozen=True)
class Expressibility:
    """Of some qubits of a circuit.

    Attributes:
        qubits: what it is about: one connected component, or all.
        sim: expressibility as Sim et al. define it, in bins of equal width. From about ten qubits on
            Haar-random states fall all into the first bin, and it tells nothing.
        even: the same divergence in bins that Haar-random states fill evenly, for any number of qubits.
        entanglement: mean of Meyer and Wallach's Q.
        entanglement_error: its standard error.
        samples: pairs of states.
    """

    qubits: tuple[int, ...]
    sim: Divergence
    even: Divergence
    entanglement: float
    entanglement_error: float
    samples: int


def expressibility(ansatz: Ansatz, samples: int = SAMPLES, seed: int = 0) -> tuple[Expressibility, ...]:
    """The whole circuit first, then its connected components if it has several.

    Args:
        ansatz: whose weights and inputs are drawn, uniform on the circle.
        samples: pairs of states, at least 2.
        seed: of the draws.

    Returns:
        Nothing if a component has too many qubits (`states.MAX_STATE_QUBITS`).
    """
    pairs = draw_pairs(ansatz, samples, seed)
    if pairs is None:
        return ()
    fidelities, entanglement = pairs.fidelities.numpy(), pairs.entanglement.numpy()
    sizes = np.array([len(qubits) for qubits in pairs.qubits])
    everything = tuple(range(ansatz.circuit.num_qubits))
    whole = _found(everything, fidelities.prod(axis=0), sizes @ entanglement / sizes.sum(), seed)
    if len(pairs.qubits) == 1:
        return (whole,)
    parts = zip(pairs.qubits, fidelities, entanglement, strict=True)
    return (whole, *(_found(*part, seed) for part in parts))


def _found(qubits: tuple[int, ...], fidelities: Histogram, measures: Histogram, seed: int) -> Expressibility:
    fidelities, rng = fidelities.clip(0, 1), np.random.default_rng(seed)
    return Expressibility(
        qubits,
        _compare(fidelities, log_haar(len(qubits)), rng),
        _compare(haar_quantile(fidelities, len(qubits)), np.full(BINS, -math.log(BINS)), rng),
        float(measures.mean()),
        float(measures.std(ddof=1)) / math.sqrt(len(measures)),
        len(fidelities),
    )


def _compare(values: Histogram, log_reference: Histogram, rng: np.random.Generator) -> Divergence:
    samples = len(values)
    shares = np.histogram(values, BINS, (0, 1))[0] / samples
    reference = np.exp(log_reference)
    again, ideal = (
        [divergence(drawn / samples, log_reference) for drawn in rng.multinomial(samples, p, RESAMPLES)]
        for p in (shares, reference / reference.sum())  # numpy minds what rounding leaves
    )
    value = divergence(shares, log_reference)
    return Divergence(value, float(np.std(again)), float(np.mean(ideal)), tuple(shares.tolist()))


def haar_quantile(fidelities: Histogram, num_qubits: int) -> Histogram:
    """The share of pairs of Haar-random states whose fidelity is smaller: 1 - (1 - F)^(N-1)."""
    with np.errstate(divide="ignore"):
        quantiles: Histogram = -np.expm1((2.0**num_qubits - 1) * np.log1p(-fidelities))
    return quantiles


def log_haar(num_qubits: int, bins: int = BINS) -> Histogram:
    """Logarithms of the shares (bins,) of fidelities of Haar-random states: (1 - a)^(N-1) - (1 - b)^(N-1).

    As logarithms, since the upper bins' are too small for a float already at ten qubits.
    """
    power = 2.0**num_qubits - 1
    edges = np.linspace(0, 1, bins + 1)
    lower = np.log1p(-edges[:-1])
    with np.errstate(divide="ignore"):
        upper = np.log1p(-edges[1:])  # minus infinity at 1
    logs: Histogram = power * lower + np.log(-np.expm1(power * (upper - lower)))
    return logs


def divergence(shares: Histogram, log_reference: Histogram) -> float:
    """Kullback-Leibler divergence in nats of a histogram from one given by its logarithms."""
    seen = shares > 0
    return float(np.sum(shares[seen] * (np.log(shares[seen]) - log_reference[seen])))
