"""What a backend is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

from .layer import CircuitLayer
from .noise import NoiseStream
from .options import BackendOptions
from .program import Ansatz
from .tally import Tally

Executor = Callable[[Tensor, Tensor], Tensor]
"""(G, B, num_inputs) and (G, num_weights), both radians, to (G, B, num_observables); differentiable."""


class Backend(ABC):
    """Executes circuits for `CircuitLayer`; made by `backends.make_backend`.

    Args:
        options: the validated options.

    Attributes:
        noise: where its random numbers come from.
        tally: what it has measured since its step began.
    """

    name: ClassVar[str]

    def __init__(self, options: BackendOptions) -> None:
        self.options = options
        self.noise = NoiseStream(options.seed or 0)
        self.tally = Tally()

    def start_step(self, step: int) -> None:
        """Begin a step of training or sampling: from here on, noise is a function of seed, step and call."""
        self.noise.start_step(step)
        self.tally.clear()

    def layer(self, ansatz: Ansatz, num_circuits: int | None = None) -> CircuitLayer:
        """A torch module that evaluates `num_circuits` copies of the ansatz, each with its own weights.

        Args:
            ansatz: e.g. ``qvunet.ansatz.hqconv(num_layers=3)``.
            num_circuits: None for (B, n) -> (B, n); else (B, num_circuits, n) -> (B, num_circuits, n).

        Raises:
            UserError: if the circuit cannot be run here; names the instruction.
        """
        return CircuitLayer(ansatz, self, num_circuits)

    @abstractmethod
    def compile(self, ansatz: Ansatz) -> Executor:
        """Prepare a circuit once, for any number of calls.

        Raises:
            UserError: if the circuit cannot be run here; names the instruction.
        """
