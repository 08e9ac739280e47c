"""`statevector`: batched torch on any device, exact expectations or bitstrings drawn from exact states."""

from __future__ import annotations

from backends.circuits.program import Ansatz
from backends.exact.executor import ExactCircuit
from backends.gradients.methods import Executor, with_gradient
from backends.layer import Backend
from backends.options import StatevectorOptions
from backends.statevector.sampling import SampledCircuit


class StatevectorBackend(Backend):
    """The exact engine, its gradients exact too; with `shots`, bitstrings of the exact distribution."""

    name = "statevector"
    options: StatevectorOptions

    def compile(self, ansatz: Ansatz) -> Executor:
        """Compile for the exact engine."""
        exact, shots, gradient = ExactCircuit(ansatz), self.options.shots, self.options.gradient
        if shots is None and gradient in (None, "adjoint", "surrogate"):
            return exact
        sampled = SampledCircuit(ansatz, shots, self.noise, self.tally)
        return with_gradient(sampled, exact.with_pullback, self.options, self.noise)
