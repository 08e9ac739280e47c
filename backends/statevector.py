"""`statevector`: batched torch on any device, exact expectations or bitstrings drawn from exact states."""

from __future__ import annotations

import torch
from torch import Tensor

from .base import Backend, Executor
from .exact import ExactEngine
from .gradients import with_gradient
from .options import StatevectorOptions
from .program import Ansatz, program_from_circuit, z_qubits
from .sampling import SampledCircuit


class StatevectorBackend(Backend):
    """The exact engine, its gradients exact too; with `shots`, bitstrings of the exact distribution."""

    name = "statevector"
    options: StatevectorOptions

    def compile(self, ansatz: Ansatz) -> Executor:
        """Compile for the exact engine."""
        exact, shots, gradient = exact_executor(ansatz), self.options.shots, self.options.gradient
        if shots is None and gradient in (None, "adjoint", "surrogate"):
            return exact
        sampled = SampledCircuit(ansatz, shots, self.noise, self.tally)
        return with_gradient(sampled, exact, self.options, self.noise)


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
