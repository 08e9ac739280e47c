"""The torch module that every backend gives: angles in, expectations out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .program import Ansatz

if TYPE_CHECKING:
    from .base import Backend


class CircuitLayer(nn.Module):
    """Variational circuits as a layer; its only state is `weight`, whatever the backend.

    Args:
        ansatz: circuit, inputs, weights and observables.
        backend: what executes the circuit and its gradients.
        num_circuits: None for one circuit; otherwise that many, each with its own weights and inputs.

    Attributes:
        weight: (num_weights,) or (num_circuits, num_weights), radians, drawn uniformly from [0, 2 pi).
    """

    def __init__(self, ansatz: Ansatz, backend: Backend, num_circuits: int | None = None) -> None:
        super().__init__()
        self.ansatz = ansatz
        self.num_circuits = num_circuits
        shape = (len(ansatz.weights),) if num_circuits is None else (num_circuits, len(ansatz.weights))
        self.weight = nn.Parameter(torch.empty(shape))
        nn.init.uniform_(self.weight, 0.0, 2 * math.pi)
        self.set_backend(backend)

    def set_backend(self, backend: Backend) -> None:
        """Execute on another backend from now on, with the same weights."""
        self.backend = backend
        self._executor = backend.compile(self.ansatz)

    def forward(self, inputs: Tensor) -> Tensor:
        """Expectations of the observables.

        Args:
            inputs: angles in radians, (B, n), or (B, num_circuits, n).

        Returns:
            <Z_i> in [-1, 1], (B, n) or (B, num_circuits, n), in the dtype of `weight` even under autocast.

        Raises:
            ValueError: if the shape of `inputs` does not fit.
        """
        expected = (
            (len(self.ansatz.inputs),)
            if self.num_circuits is None
            else (
                self.num_circuits,
                len(self.ansatz.inputs),
            )
        )
        if inputs.shape[1:] != expected:
            raise ValueError(f"inputs have shape {tuple(inputs.shape)}, expected (batch, {expected})")
        with torch.autocast(inputs.device.type, enabled=False):
            grouped = inputs.to(self.weight.dtype)
            if self.num_circuits is None:
                return self._executor(grouped.unsqueeze(0), self.weight.unsqueeze(0)).squeeze(0)
            return self._executor(grouped.transpose(0, 1), self.weight).transpose(0, 1)

    def extra_repr(self) -> str:
        """What `print(net)` shows."""
        return f"{self.ansatz.name}, num_circuits={self.num_circuits}, backend={self.backend.name}"
