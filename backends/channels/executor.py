"""A circuit with the noise of a device or of a noise model, exactly."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from backends.channels.part import NoisyPart
from backends.circuits.observables import in_basis, measurement_bases, read_observables
from backends.circuits.program import Ansatz, Program, program_from_circuit, without_controls
from backends.circuits.structure import components
from backends.devices.placement import Piece, Placement, bits_read
from backends.errors import UserError
from backends.exact.executor import LinearReadout
from backends.gradients.autograd import CircuitFunction, Pullback, traced

MAX_QUBITS = 6
"""Of an independent part: as many Pauli strings as a state vector of twice the qubits has amplitudes."""


class NoisyCircuit:
    """Expectations of an ansatz's observables as a noisy measurement finds them with endless shots.

    Args:
        ansatz: what to measure.
        placement: how it is compiled, and with which noise.

    Raises:
        UserError: names the instruction or observable that is not taken, or the part that is too large.
    """

    def __init__(self, ansatz: Ansatz, placement: Placement) -> None:
        program = without_controls(program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights))
        for component in components(program):
            _require_small(len(component.qubits))
        readout = read_observables(ansatz.observables, program.num_qubits)
        bases = measurement_bases(readout.terms)
        self._bases = [
            _Basis(program, placement(in_basis(program, basis)), [readout.terms[k] for k in members])
            for members, basis in bases
        ]
        places = [k for members, _ in bases for k in members]
        self._order = [places.index(k) for k in range(len(places))]
        self._observables = LinearReadout(readout.matrix, readout.offset)
        self.with_pullback = self._observables.after(self._traced)
        """The same as a call, outside of autograd, and what takes the gradient to inputs and weights."""
        self._function = CircuitFunction(self.with_pullback, self._plain)

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """(G, B, num_inputs) and (G, num_weights), radians, to (G, B, num_observables)."""
        return self._function(inputs, weights)

    def _traced(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Pullback]:
        return traced(self._terms, inputs, weights)

    def _plain(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """By torch operations, for derivatives of any order and mode.

        Raises:
            UserError: if compilation left an angle that torch cannot differentiate twice.
        """
        if not all(basis.is_smooth for basis in self._bases):
            raise UserError(
                "noise_model: angles of a circuit that is lowered by merging gates have first derivatives in "
                "reverse mode only; lowering = pauli has all"
            )
        return self._observables(self._terms(inputs, weights))

    def _terms(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Of all Pauli strings, (G, B, num_terms)."""
        values = [basis(inputs, weights) for basis in self._bases]
        if not values:
            return inputs.new_zeros(*inputs.shape[:2], 0) + 0 * (inputs.sum() + weights.sum())
        return torch.cat(values, dim=-1)[..., self._order]


class _Basis:
    """Pauli strings that are measured together.

    Args:
        program: what is compiled, whose angles these are.
        pieces: of it, turned to the basis.
        terms: labels, qubit 0 last.
    """

    def __init__(self, program: Program, pieces: Sequence[Piece], terms: Sequence[str]) -> None:
        factors = [bits_read(term, pieces) for term in terms]
        words: dict[int, list[list[int]]] = {}
        for parts in factors:
            for (piece, _), bits in parts.items():
                known = words.setdefault(piece, [])
                if bits not in known:
                    known.append(bits)
        for k in words:
            _require_small(pieces[k].num_qubits, f" ({pieces[k].place})")  # a device may have taken more
        self._parts = [NoisyPart(pieces[k], program.angles, words[k]) for k in words]
        self.is_smooth = all(part.is_smooth for part in self._parts)
        starts, total = {}, 0
        for k, known in words.items():
            starts[k], total = total, total + len(known)
        self._columns = [[starts[k] + words[k].index(bits) for (k, _), bits in p.items()] for p in factors]

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """(G, B, num_inputs) and (G, num_weights), radians, to (G, B, num_terms)."""
        found = torch.cat([part(inputs, weights) for part in self._parts], dim=-1).unbind(-1)
        products = [functools.reduce(torch.mul, (found[k] for k in columns)) for columns in self._columns]
        return torch.stack(products, dim=-1)


def _require_small(num_qubits: int, place: str = "") -> None:
    if num_qubits > MAX_QUBITS:
        raise UserError(
            f"noise_model: an independent part of the circuit takes {num_qubits} qubits{place}, and noise is "
            f"computed exactly up to {MAX_QUBITS}; the backend aer_shots simulates larger ones by shots"
        )
