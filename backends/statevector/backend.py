"""`statevector`: batched torch on any device, exact expectations or bitstrings drawn from exact states."""

from __future__ import annotations

from functools import cached_property

from backends.channels.executor import NoisyCircuit
from backends.circuits.program import Ansatz
from backends.devices.placement import Placement, noisy_placement
from backends.exact.executor import ExactCircuit
from backends.gradients.methods import Executor, with_gradient
from backends.layer import Backend
from backends.options import StatevectorOptions
from backends.statevector.sampling import SampledCircuit


class StatevectorBackend(Backend):
    """The exact engine, its gradients exact too.

    With `shots`, bitstrings of the exact distribution; with `noise_model`, expectations with its noise.
    """

    name = "statevector"
    options: StatevectorOptions

    @cached_property
    def _placement(self) -> Placement | None:
        """How circuits get onto what the noise is of; None without noise."""
        options = self.options
        if options.noise_model is None:
            return None
        return noisy_placement(
            options.noise_model, options.optimization_level, options.seed_transpiler, options.lowering
        )

    def compile(self, ansatz: Ansatz) -> Executor:
        """Compile for the exact engine."""
        exact, shots, gradient = ExactCircuit(ansatz), self.options.shots, self.options.gradient
        if self._placement is not None:
            noisy = NoisyCircuit(ansatz, self._placement)
            if gradient in (None, "adjoint"):
                return noisy
            return with_gradient(noisy.with_pullback, exact.with_pullback, self.options, self.noise)
        if shots is None and gradient in (None, "adjoint", "surrogate"):
            return exact
        sampled = SampledCircuit(ansatz, shots, self.noise, self.tally)
        return with_gradient(sampled, exact.with_pullback, self.options, self.noise)
