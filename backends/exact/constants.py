"""Numpy constants of a compiled circuit, handed out as tensors of whatever dtype and device is asked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..program import AffineMap


class Constant:
    """An array fixed at compilation; its tensors are kept, since they depend on no value of a call."""

    def __init__(self, array: npt.ArrayLike) -> None:
        self.array = np.asarray(array)
        self._tensors: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def like(self, tensor: Tensor) -> Tensor:
        """The constant in the real precision and on the device of `tensor`; integers stay integers."""
        key = (tensor.dtype, tensor.device)
        if key not in self._tensors:
            dtype = torch.int64 if self.array.dtype.kind == "i" else tensor.dtype.to_real()
            with torch.inference_mode(False):  # a tensor made in inference mode could not train later
                self._tensors[key] = torch.as_tensor(self.array, dtype=dtype, device=tensor.device)
        return self._tensors[key]


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
        angles = flat.view(*inputs.shape[:2], -1)
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
        return in_inputs.view(*gradient.shape[:2], -1), in_weights
