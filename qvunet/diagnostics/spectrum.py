"""The Fourier spectrum of a layer in each of its inputs.

Schuld et al. 2021, "Effect of data encoding on the expressive power of variational quantum machine learning
models", arXiv:2008.08605: along an input the expectation is a sum of exp(i w x) over the differences w of the
encoding's eigenvalues. One Rx gives 0 and 1 and no more; the gates after it set only the coefficients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backends.circuits.program import Ansatz, Program, Rotation, program_from_circuit
from backends.exact.executor import ExactCircuit
from qvunet.diagnostics.draws import random_parameters

DRAWS = 16
"""Random values of the other inputs over which powers are averaged."""
MAX_DIVISOR = 8
"""Frequencies that are no multiples of the smallest divided by this or less have no spectrum here."""

ROUNDING = 1e-12
"""Shares of the power below this are what arithmetic leaves."""


@dataclass(frozen=True)
class Spectrum:
    """Powers, means over observables, weight sets and random values of the other inputs.

    Attributes:
        frequencies: (K,) from 0 upwards, in cycles of 2 pi radians.
        power: (num_data, K): for each datum |c_0|^2, then |c_w|^2 + |c_-w|^2. What is beside the first column
            adds up to the variance of an expectation as this datum goes around.
        draws: random values of the other inputs.
    """

    frequencies: tuple[float, ...]
    power: tuple[tuple[float, ...], ...]
    draws: int

    @property
    def shares(self) -> list[float]:
        """(K,) of each frequency in the power, constants included, of all data together."""
        sums = np.sum(self.power, axis=0)
        total = sums.sum()
        return [float(each / total) if total else 0.0 for each in sums]

    @property
    def highest(self) -> float:
        """The highest frequency that carries any power."""
        return max(f for f, share in zip(self.frequencies, self.shares, strict=True) if share > ROUNDING)


def spectrum(ansatz: Ansatz, weights: Tensor, draws: int = DRAWS, seed: int = 0) -> Spectrum | None:
    """Move one datum at a time around the circle and look at what comes out.

    Args:
        ansatz: whose inputs are u uploads of its data; a datum moves in all uploads at once.
        weights: (C, num_weights), radians: sets to average over.
        draws: random values of the other inputs.
        seed: of those.

    Returns:
        None if there are no inputs, or if frequencies have no common unit.
    """
    program = program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights)
    gaps, controlled = _gaps(program)
    unit = _unit(gaps, controlled)
    if unit is None:
        return None
    columns = _columns(ansatz)  # (num_data, num_inputs)
    top = max(round(float(gaps.sum(axis=0) @ column) / unit) for column in columns)
    points = 2 * top + 2
    moved = torch.arange(points, dtype=torch.float64) * (2 * math.pi / unit / points)
    others, _ = random_parameters(ansatz, draws, seed, counter=1)
    circuit = ExactCircuit(ansatz)
    powers = [_power(circuit, others, moved, column, weights)[: top + 1] for column in columns]
    frequencies = tuple(unit * k for k in range(top + 1))
    return Spectrum(frequencies, tuple(map(tuple, powers)), draws)


def _power(
    circuit: ExactCircuit,
    others: Tensor,
    moved: Tensor,
    column: npt.NDArray[np.float64],
    weights: Tensor,
) -> list[float]:
    inputs = torch.where(torch.from_numpy(column) > 0, moved[None, :, None], others[:, None, :])
    rows = inputs.flatten(0, 1).expand(len(weights), -1, -1)
    values = circuit(rows, weights.to(rows)).unflatten(1, (len(others), len(moved)))
    power = torch.fft.rfft(values, dim=2, norm="forward").abs().square()
    power[:, :, 1:] *= 2
    return power.mean(dim=(0, 1, 3)).tolist()


def _columns(ansatz: Ansatz) -> npt.NDArray[np.float64]:
    """(num_data, num_inputs): which inputs a datum moves."""
    uploads, rest = divmod(len(ansatz.inputs), ansatz.circuit.num_qubits)
    if rest or uploads < 1:
        uploads = 1
    return np.tile(np.eye(len(ansatz.inputs) // uploads), (1, uploads))


def _gaps(program: Program) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """By how much rotations turn with each input, (rotations, num_inputs), and which are controlled."""
    rotations = [operation for operation in program.operations if isinstance(operation, Rotation)]
    rows = [rotation.angle for rotation in rotations]
    controlled = np.array([bool(rotation.controls) for rotation in rotations], dtype=bool)
    return np.abs(program.angles.inputs_matrix[rows]), controlled


def _unit(gaps: npt.NDArray[np.float64], controlled: npt.NDArray[np.bool_]) -> float | None:
    """What all frequencies are multiples of, if anything: a controlled rotation has halves as well."""
    steps = np.where(controlled[:, None], gaps / 2, gaps)
    steps = steps[steps > 0]
    for divisor in range(1, MAX_DIVISOR + 1) if len(steps) else ():
        multiples = steps / (steps.min() / divisor)
        if np.allclose(multiples, multiples.round(), atol=1e-6):
            return float(steps.min() / divisor)
    return None
