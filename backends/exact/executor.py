"""The engine between a circuit as people hand it in and what a layer calls."""

from __future__ import annotations

import torch
from torch import Tensor

from backends.circuits.program import Ansatz, program_from_circuit, z_qubits
from backends.exact.engine import ExactEngine
from backends.gradients.methods import Executor


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
