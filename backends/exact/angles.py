"""A program's affine map in tensors: inputs and weights to angles, and gradients back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from backends.circuits.program import AffineMap
from backends.exact.constants import Constant


class Angles:
    """An affine map as tensors, and its gradient.

    Args:
        angles: the map.
    """

    def __init__(self, angles: AffineMap) -> None:
        self.inputs, self.weights = Constant(angles.inputs_matrix), Constant(angles.weights_matrix)
        self.offset = Constant(angles.offset)
        self.reads_weights = bool(np.any(angles.weights_matrix))

    def of_weights(self, weights: Tensor) -> Tensor:
        """(G, num_weights) -> (G, num_angles), for angles that read no input."""
        return torch.addmm(self.offset.like(weights), weights, self.weights.like(weights).mT)

    def of_rows(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """(G, B, num_inputs) and (G, num_weights) -> (G, B, num_angles)."""
        flat = torch.addmm(self.offset.like(inputs), inputs.flatten(0, 1), self.inputs.like(inputs).mT)
        angles = flat.reshape(*inputs.shape[:2], -1)
        if self.reads_weights:
            angles = angles + (weights @ self.weights.like(weights).mT).unsqueeze(1)
        return angles

    def pull_weights(self, gradient: Tensor) -> Tensor:
        """Gradient in what `of_weights` gives -> in the weights, (G, num_weights)."""
        return torch.mm(gradient, self.weights.like(gradient))

    def pull_rows(self, gradient: Tensor) -> tuple[Tensor, Tensor | None]:
        """Gradient in what `of_rows` gives -> in inputs and weights; None if no angle reads a weight."""
        in_inputs = torch.mm(gradient.flatten(0, 1), self.inputs.like(gradient))
        in_weights = self.pull_weights(gradient.sum(1)) if self.reads_weights else None
        return in_inputs.reshape(*gradient.shape[:2], -1), in_weights
