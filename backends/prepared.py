"""Circuits on states that are handed in: amplitudes as differentiable inputs, on the exact engine."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from backends.circuits.expressions import name_angles
from backends.circuits.observables import read_observables
from backends.circuits.program import Ansatz, program_from_circuit
from backends.circuits.structure import Component
from backends.errors import UserError
from backends.exact.evolution import Evolution
from backends.exact.executor import LinearReadout
from backends.exact.grouping import cheapest_plan
from backends.exact.paulis import StateStrings
from backends.exact.steps import permuted
from backends.gradients.autograd import full_precision
from backends.gradients.expressions import NamedValues
from backends.layer import Backend


class PreparedState(nn.Module):
    """A circuit that begins in a state given by its amplitudes, a row at a time, instead of ``|0...0>``.

    Exact expectations by the dense method of the exact engine, differentiable to any order in amplitudes,
    inputs and weights. All 2^n amplitudes are held, whatever the structure of the circuit. A chip would have
    to be given gates that prepare each row, so backends that measure are refused; a circuit that begins with
    Qiskit's ``initialize`` or ``StatePreparation`` of fixed amplitudes runs on every backend.

    Args:
        ansatz: what acts on the state; see `backends.layer.CircuitLayer`.
        backend: `statevector` without shots and noise; None makes one.

    Raises:
        UserError: if the backend is another, or the circuit cannot be simulated; names the instruction.

    Attributes:
        weight: (num_weights,), radians, drawn uniformly from [0, 2 pi).
    """

    def __init__(self, ansatz: Ansatz, backend: Backend | None = None) -> None:
        super().__init__()
        if backend is not None:
            _require_exact(backend)
        self.ansatz = ansatz
        self.weight = nn.Parameter(torch.empty(len(ansatz.weights)))
        nn.init.uniform_(self.weight, 0.0, 2 * math.pi)
        self._circuit = _Circuit(ansatz)

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle or a copy holds: what was compiled is not in it, and is compiled again."""
        return {key: value for key, value in super().__getstate__().items() if key != "_circuit"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._circuit = _Circuit(self.ansatz)

    def forward(self, amplitudes: Tensor, inputs: Tensor | None = None) -> Tensor:
        """Expectations of the observables in the state that the circuit makes of the one given.

        Args:
            amplitudes: (B, 2^n), real or complex, in Qiskit's order: qubit 0 is the least significant bit.
                Each row is divided by its norm.
            inputs: (B, num_inputs), radians, if the ansatz has any.

        Returns:
            (B, num_observables), in the dtype of `weight`.

        Raises:
            ValueError: if a shape does not fit, or a row is zero or not finite; names it.
        """
        num_qubits = self._circuit.num_qubits
        rows = _given(self.ansatz, amplitudes, inputs, num_qubits)
        precision = torch.promote_types(self.weight.dtype, torch.float32)
        with full_precision(amplitudes):
            state = _unit_state(amplitudes.to(precision.to_complex()), num_qubits)
            values = self._circuit(state, rows.to(precision)[None], self.weight.to(precision)[None])
        return values[0].to(self.weight.dtype)

    def extra_repr(self) -> str:
        """What `print(net)` shows."""
        return f"{self.ansatz.name}, {self._circuit.num_qubits} qubits"


class _Circuit:
    """An ansatz compiled for the dense method, from any state.

    Args:
        ansatz: what to simulate.

    Raises:
        UserError: names what the engine does not take.
    """

    def __init__(self, ansatz: Ansatz) -> None:
        named = name_angles(ansatz)
        self._values = NamedValues(named)
        program = program_from_circuit(named.circuit, named.inputs, named.weights)
        self.num_qubits = n = program.num_qubits
        whole = Component(tuple(range(n)), program.operations, tuple(range(program.num_angles)))
        reads = [bool(each) for each in np.any(program.angles.inputs_matrix, axis=1)]
        plan = cheapest_plan(program.operations, reads, n, prepared=True)
        self._evolution = Evolution(plan.groups, plan.order, [whole], program.angles)
        readout = read_observables(ansatz.observables, n)
        self._strings = StateStrings([term[::-1] for term in readout.terms]) if readout.terms else None
        self._observables = LinearReadout(readout.matrix, readout.offset)

    def __call__(self, state: Tensor, inputs: Tensor, weights: Tensor) -> Tensor:
        """States (1, B, 2^n), qubit 0 most significant, to the observables' expectations (1, B, m).

        Args:
            state: unit vectors.
            inputs: (1, B, num_inputs), radians.
            weights: (1, num_weights), radians.
        """
        inputs, weights = self._values(inputs, weights)
        parameters, _ = self._evolution.parameters(inputs, weights)
        state = self._evolution.forward(state.mT, parameters)
        state = permuted(state, np.argsort(self._evolution.order).tolist()).mT
        if self._strings is None:
            return self._observables(inputs[..., :0])
        return self._observables(self._strings([state[0][:, None, None]])).unsqueeze(0)


def _unit_state(amplitudes: Tensor, num_qubits: int) -> Tensor:
    """(B, 2^n) as they come to unit vectors (1, B, 2^n) with qubit 0 the most significant.

    Raises:
        ValueError: if a row has no direction; names it.
    """
    norms = torch.linalg.vector_norm(amplitudes, dim=-1, keepdim=True)
    if not torch._C._are_functorch_transforms_active():  # under them no value can be looked at
        wrong = ~((norms > 0) & norms.isfinite()).flatten()
        if wrong.any():
            row = int(wrong.nonzero()[0])
            raise ValueError(f"amplitudes: row {row} is zero or not finite, and no state has its direction")
    unit = (amplitudes / norms).unflatten(-1, [2] * num_qubits)
    return unit.permute(0, *range(num_qubits, 0, -1)).flatten(1).unsqueeze(0)


def _require_exact(backend: Backend) -> None:
    options = backend.options
    given = [name for name in ("shots", "noise_model") if getattr(options, name, None) is not None]
    if options.name != "statevector" or given:
        what = f"backend {options.name}" + (f" with {', '.join(given)}" if given else "")
        raise UserError(
            f"{what}: amplitudes go into the exact engine alone; allowed: statevector without shots and "
            "noise_model. Fixed amplitudes: begin the circuit with initialize, and any backend runs it"
        )


def _given(ansatz: Ansatz, amplitudes: Tensor, inputs: Tensor | None, num_qubits: int) -> Tensor:
    """The inputs, none where the ansatz has none.

    Raises:
        ValueError: if a shape does not fit.
    """
    if amplitudes.shape[1:] != (2**num_qubits,):
        raise ValueError(
            f"amplitudes have shape {tuple(amplitudes.shape)}, expected (batch, {2**num_qubits})"
        )
    rows = amplitudes.real.new_zeros(len(amplitudes), 0) if inputs is None else inputs
    if rows.shape != (len(amplitudes), len(ansatz.inputs)) or rows.is_complex():
        raise ValueError(
            f"inputs have shape {tuple(rows.shape)} and dtype {rows.dtype}, expected real angles "
            f"({len(amplitudes)}, {len(ansatz.inputs)})"
        )
    return rows
