"""Shots on the exact engine: bitstrings drawn from the exact distribution, for all rows at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from backends.circuits.observables import in_basis, measurement_bases, read_observables
from backends.circuits.program import AffineMap, Ansatz, Program, program_from_circuit, without_controls
from backends.circuits.structure import components
from backends.exact import ExactEngine
from backends.exact.executor import LinearReadout, engine_for
from backends.exact.readout import z_expectations
from backends.exact.terms import factors_of
from backends.gradients.autograd import Pullback
from backends.gradients.shifts import ParameterShift
from backends.measuring.bitstrings import Counts, parities
from backends.measuring.noise_stream import NoiseStream
from backends.measuring.tally import Tally

CHUNK_AMPLITUDES = 2**22
"""Rows are simulated in chunks of at most this many amplitudes, or bitstrings where those are kept."""


class SampledCircuit:
    """An ansatz measured with a number of shots, differentiable by the parameter-shift rule.

    Bitstrings are drawn whole, so that the noise of the qubits is correlated as in an experiment; terms of
    the observables that commute qubit by qubit share them. The engine takes the angles that read inputs a
    row and the others a weight set, so that a shifted weight still serves the whole batch.

    Args:
        ansatz: what to measure.
        shots: bitstrings a row; None takes exact expectations.
        noise: where they come from.
        tally: counts what is measured.

    Raises:
        UserError: names the instruction or observable that the engine does not take.
    """

    def __init__(
        self, ansatz: Ansatz, shots: int | None, noise: NoiseStream, tally: Tally | None = None
    ) -> None:
        program = without_controls(program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights))
        self.shots, self.noise, self.angles = shots, noise, program.angles
        self.tally = tally or Tally()
        readout = read_observables(ansatz.observables, program.num_qubits)
        self.per_row = np.any(program.angles.inputs_matrix, axis=1)
        identity = np.eye(program.num_angles)
        direct = AffineMap(
            identity[:, self.per_row], identity[:, ~self.per_row], np.zeros(program.num_angles)
        )
        whole = replace(program, angles=direct)
        self.engine, self.z_qubits = engine_for(whole, readout), readout.z_qubits
        groups = measurement_bases(readout.terms)
        self.num_bases = len(groups)
        turned = groups if self.z_qubits is None else []
        self.bases = [_Basis(whole, readout.terms, *group) for group in turned]
        amplitudes = sum(2 ** len(part.qubits) for part in components(program))
        bitstrings = (shots or 0) * max((basis.num_paired for basis in self.bases), default=0)
        self.amplitudes_per_row = max(amplitudes, bitstrings)
        self.shift = ParameterShift(program, readout.operators)
        self._observe = LinearReadout(readout.matrix, readout.offset).after(self._terms)

    def __call__(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Pullback]:
        """(G, B, num_inputs) and (G, num_weights), radians, to (G, B, num_observables), and the pullback."""
        return self._observe(inputs, weights)

    def _terms(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Pullback]:
        value = self.measure(self.all_angles(inputs, weights))
        return value, lambda gradient: self._shifted(gradient, inputs, weights)

    def measure(self, angles: Tensor) -> Tensor:
        """(G, B, num_angles), radians, to (G, B, num_terms); angles of one group share weights."""
        rng = self.noise.generator()
        rows = angles.shape[0] * angles.shape[1]
        if self.shots is not None:
            self.tally.add(rows * self.num_bases, rows * self.num_bases * self.shots)
        inputs, weights = angles[..., self.per_row], angles[:, 0, ~self.per_row]
        values = [
            torch.cat([self._measure(part, w, rng) for part in split], dim=1)
            for split, w in self._chunks(inputs, weights)
        ]
        return torch.cat(values)

    def all_angles(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """The angle of every rotation, (G, B, num_angles)."""
        read, shared, offset = (
            torch.as_tensor(array).to(inputs)
            for array in (self.angles.inputs_matrix, self.angles.weights_matrix, self.angles.offset)
        )
        return inputs @ read.T + (weights @ shared.T + offset).unsqueeze(1)

    def _shifted(self, gradient: Tensor, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The gradients in inputs and weights, by the parameter-shift rule."""
        if not self.shift.groups:  # nothing that is measured depends on any parameter
            return torch.zeros_like(inputs), torch.zeros_like(weights)
        shifts = torch.as_tensor(self.shift.shifts).to(inputs)
        shifted = self.all_angles(inputs, weights) + shifts[:, None, None]  # (2 * groups, G, B, angles)
        values = self.measure(shifted.flatten(0, 1)).reshape(*shifted.shape[:-1], -1)
        jacobian = torch.as_tensor(self.shift.derivatives(values.cpu().numpy())).to(inputs)
        by_angle = (gradient.unsqueeze(-2) @ jacobian).squeeze(-2)  # (G, B, angles)
        read, shared = (
            torch.as_tensor(matrix).to(inputs)
            for matrix in (self.angles.inputs_matrix, self.angles.weights_matrix)
        )
        return by_angle @ read, by_angle.sum(1) @ shared

    def _measure(self, inputs: Tensor, weights: Tensor, rng: np.random.Generator) -> Tensor:
        if self.z_qubits is not None:
            return self._measure_z(inputs, weights, rng)[..., self.z_qubits]
        if self.shots is None:
            return self.engine.expectations(inputs, weights)
        parts = [basis.measure(inputs, weights, self.shots, rng) for basis in self.bases]
        order = np.argsort([k for basis in self.bases for k in basis.members])
        return torch.cat(parts, dim=-1)[..., order]

    def _measure_z(self, inputs: Tensor, weights: Tensor, rng: np.random.Generator) -> Tensor:
        """All qubits' <Z>, (G, B, num_qubits)."""
        if self.shots is None:
            return self.engine.expectations(inputs, weights)
        values = [
            z_expectations(draw_frequencies(state, self.shots, rng)).to(inputs)
            for state in self.engine.amplitudes(inputs, weights)
        ]
        return self.engine.in_qubit_order(values, len(inputs))

    def _chunks(self, inputs: Tensor, weights: Tensor) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
        """Some groups at a time, their rows split where even one group is too large."""
        groups = max(1, CHUNK_AMPLITUDES // (self.amplitudes_per_row * inputs.shape[1]))
        rows = max(1, CHUNK_AMPLITUDES // self.amplitudes_per_row)
        for some, w in zip(inputs.split(groups), weights.split(groups), strict=True):
            yield some.split(rows, dim=1), w


class _Basis:
    """Terms that are read off the same bitstrings.

    Args:
        program: what to simulate, without the gates that turn to the basis.
        terms: all Pauli labels, qubit 0 last.
        members: which of them are read here.
        basis: the letter to measure on each qubit, qubit 0 last.
    """

    def __init__(self, program: Program, terms: Sequence[str], members: Sequence[int], basis: str) -> None:
        self.members = members
        self.engine = ExactEngine(in_basis(program, basis))
        factors = [factors_of(terms[k], self.engine.classes) for k in members]
        self.terms = [{(k, c): _bits(word) for k, c, word in parts} for parts in factors]
        self.num_paired = len({part for term in self.terms if len(term) > 1 for part in term})
        """Components whose bitstrings have to be put side by side."""

    def measure(self, inputs: Tensor, weights: Tensor, shots: int, rng: np.random.Generator) -> Tensor:
        """(G, B, per-row angles) and (G, shared angles), radians, to (G, B, num_members)."""
        groups, rows = inputs.shape[:2]
        found = {}
        for k, state in enumerate(self.engine.amplitudes(inputs, weights)):
            times = (draw_frequencies(state, shots, rng) * shots).round().long().unflatten(0, (groups, -1))
            for c, own in enumerate(times.unbind(1)):
                found[k, c] = Counts.from_table(own.flatten(0, 1).numpy())
        means = np.stack(parities(found, self.terms, rng), axis=-1)
        return torch.as_tensor(means).to(inputs).unflatten(0, (groups, rows))


def _bits(word: str) -> list[int]:
    """The bits of an outcome that a string reads, 0 the least significant."""
    return [len(word) - 1 - k for k, letter in enumerate(word) if letter != "I"]


def draw_frequencies(state: Tensor, shots: int, rng: np.random.Generator) -> Tensor:
    """How often each bitstring is found among `shots`, as float64 fractions in the shape of `state`."""
    probabilities = torch.view_as_real(state).double().square().sum(-1).cpu()
    probabilities /= probabilities.sum(-1, keepdim=True)
    if state.shape[-1] <= shots:
        return torch.from_numpy(rng.multinomial(shots, probabilities.numpy()) / shots)
    # More bitstrings than shots: draw the shots one by one, by inverting the distribution function.
    uniform = torch.from_numpy(rng.random((*state.shape[:-1], shots)))
    drawn = torch.searchsorted(probabilities.cumsum(-1)[..., :-1].contiguous(), uniform, right=True)
    return torch.zeros_like(probabilities).scatter_add_(-1, drawn, torch.full_like(uniform, 1 / shots))
