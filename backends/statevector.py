"""`statevector`: exact expectations and gradients in batched torch, on any device."""

from __future__ import annotations

import torch
from torch import Tensor

from .base import Backend, Executor
from .exact import ExactEngine
from .program import Ansatz, program_from_circuit, z_qubits


class StatevectorBackend(Backend):
    """The exact engine; gradients in inputs and weights are exact too."""

    name = "statevector"

    def compile(self, ansatz: Ansatz) -> Executor:
        """Compile for the exact engine."""
        return exact_executor(ansatz)


def exact_executor(ansatz: Ansatz) -> Executor:
    """Differentiable exact expectations of an ansatz's observables.

    Raises:
        UserError: names the instruction or observable that the engine does not take.
    """
    engine = ExactEngine(program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights))
    qubits = z_qubits(ansatz.observables, ansatz.circuit.num_qubits)
    if qubits == list(range(ansatz.circuit.num_qubits)):
        return engine.expectations

    def execute(inputs: Tensor, weights: Tensor) -> Tensor:
        index = torch.as_tensor(qubits, device=inputs.device)
        return engine.expectations(inputs, weights).index_select(-1, index)

    return execute
