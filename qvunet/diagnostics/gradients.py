"""How large gradients are at random parameters, and whether they vanish as a circuit grows.

McClean et al. 2018, "Barren plateaus in quantum neural network training landscapes", arXiv:1803.11173: where
the variance of a derivative falls exponentially with the number of qubits, training finds no direction.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backends.circuits.lightcone import affected_observables
from backends.circuits.program import Ansatz, program_from_circuit
from backends.exact.executor import ExactCircuit
from qvunet.diagnostics.draws import random_parameters
from qvunet.diagnostics.families import Family

SAMPLES = 100
"""Random parameter sets; the standard error of a variance is then about a tenth of it."""
CHUNK = 50
"""Parameter sets at a time."""
LAYERS = (1, 2, 3, 4)
MAX_ROW_COST = 4.0e5
"""Complex multiplications for a parameter set; members of a family that take more are left out."""
MAX_SIZES = 5
"""Sizes that are looked at beside the circuit's own, spread over those that a family has."""


@dataclass(frozen=True)
class GradientVariance:
    """Variances over random weights and inputs, both uniform on the circle.

    Weights outside of an observable's light cone have no derivative and are not counted.

    Attributes:
        num_qubits: of the circuit.
        num_layers: of the circuit; 0 where that is not known.
        first: Var of d<O_0>/dw, the mean over the weights w in the cone of the first observable.
        first_error: its standard error.
        mean: the same over all pairs of an observable and a weight in its cone.
        mean_error: its standard error.
        by_weight: (num_weights,) Var of d<O_0>/dw for each weight.
        samples: random parameter sets.
    """

    num_qubits: int
    num_layers: int
    first: float
    first_error: float
    mean: float
    mean_error: float
    by_weight: tuple[float, ...]
    samples: int


@dataclass(frozen=True)
class GradientScan:
    """A circuit's gradients, and those of its family.

    Attributes:
        own: of the circuit itself.
        layers: of 1 to 4 layers on the circuit's qubits; empty if it has no family.
        qubits: of some numbers of qubits, its own among them, with its layers; empty if it does not scale.
    """

    own: GradientVariance
    layers: tuple[GradientVariance, ...]
    qubits: tuple[GradientVariance, ...]


def scan_gradients(ansatz: Ansatz, samples: int = SAMPLES, seed: int = 0) -> GradientScan:
    """Measure a circuit and its family.

    Args:
        ansatz: with at least one weight.
        samples: random parameter sets for each circuit.
        seed: of those.
    """
    family = Family.of(ansatz)
    if family is None:
        return GradientScan(gradient_variance(ansatz, samples, seed), (), ())
    own = gradient_variance(ansatz, samples, seed, family.num_layers)

    def measure(num_layers: int, size: int) -> Iterator[GradientVariance]:
        if (num_layers, size) == (family.num_layers, family.size):
            yield own
            return
        member = family.member(num_layers, size)
        if ExactCircuit(member).engine.row_cost <= MAX_ROW_COST:
            yield gradient_variance(member, samples, seed, num_layers)

    sizes = sorted({*_spread(family.sizes()), family.size}) if family.size_option else []
    layers = chain.from_iterable(measure(n, family.size) for n in LAYERS)
    qubits = chain.from_iterable(measure(family.num_layers, size) for size in sizes)
    return GradientScan(own, tuple(layers), tuple(qubits))


def gradient_variance(
    ansatz: Ansatz, samples: int = SAMPLES, seed: int = 0, num_layers: int = 0
) -> GradientVariance:
    """Measure one circuit.

    Args:
        ansatz: with at least one weight.
        samples: random parameter sets, at least 2.
        seed: of those.
        num_layers: noted in the result.
    """
    inputs, weights = random_parameters(ansatz, samples, seed)
    gradients = weight_gradients(ansatz, inputs, weights)
    squares = (gradients - gradients.mean(dim=0)).square() * (samples / (samples - 1))
    cones = torch.from_numpy(_cones(ansatz))
    first, first_error = _mean(squares[:, 0, cones[0]])
    mean, mean_error = _mean(squares[:, cones])
    by_weight = tuple(squares[:, 0].mean(dim=0).tolist())
    num_qubits = ansatz.circuit.num_qubits
    return GradientVariance(num_qubits, num_layers, first, first_error, mean, mean_error, by_weight, samples)


def weight_gradients(ansatz: Ansatz, inputs: Tensor, weights: Tensor) -> Tensor:
    """Derivatives of every observable in every weight.

    Args:
        ansatz: the circuit.
        inputs: (S, num_inputs), radians.
        weights: (S, num_weights), radians.

    Returns:
        (S, num_observables, num_weights).
    """
    circuit = ExactCircuit(ansatz)
    chunks = zip(inputs.split(CHUNK), weights.split(CHUNK), strict=True)
    return torch.cat([_jacobian(circuit, x.unsqueeze(1), w) for x, w in chunks])


def _jacobian(circuit: ExactCircuit, inputs: Tensor, weights: Tensor) -> Tensor:
    values, pullback = circuit.with_pullback(inputs, weights)
    one_hot = torch.eye(values.shape[-1], dtype=values.dtype)
    return torch.stack([pullback(row.expand_as(values).contiguous())[1] for row in one_hot], dim=1)


def _cones(ansatz: Ansatz) -> npt.NDArray[np.bool_]:
    """(num_observables, num_weights): whether the weight is in the observable's light cone."""
    program = program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights)
    affected = affected_observables(program, ansatz.observables)
    in_cone: npt.NDArray[np.bool_] = affected.T @ (program.angles.weights_matrix != 0)
    return in_cone


def _mean(squares: Tensor) -> tuple[float, float]:
    """The mean of (samples, entries), and its standard error over the samples."""
    if squares.shape[1] == 0:
        return 0.0, 0.0
    rows = squares.mean(dim=1)
    return rows.mean().item(), rows.std().item() / math.sqrt(len(rows))


def _spread(sizes: Sequence[int]) -> Sequence[int]:
    """At most `MAX_SIZES` of them, the smallest and the largest among them."""
    if len(sizes) <= MAX_SIZES:
        return sizes
    return [sizes[round(k * (len(sizes) - 1) / (MAX_SIZES - 1))] for k in range(MAX_SIZES)]
