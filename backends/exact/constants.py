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
        """The constant in the real precision and on the device of `tensor`."""
        key = (tensor.dtype, tensor.device)
        if key not in self._tensors:
            with torch.inference_mode(False):  # a tensor made in inference mode could not train later
                self._tensors[key] = torch.as_tensor(self.array, dtype=tensor.dtype, device=tensor.device)
        return self._tensors[key]


class HalfAngles:
    """Half the angles that a list of slots takes, as tensors: what every cosine and sine is of.

    Args:
        angles: affine map with one row a slot.
    """

    def __init__(self, angles: AffineMap) -> None:
        self.inputs = Constant(angles.inputs_matrix.T / 2)
        self.weights = Constant(angles.weights_matrix.T / 2)
        self.offset = Constant(angles.offset / 2)
        self.reads_inputs = bool(np.any(self.inputs.array))
        self.reads_weights = bool(np.any(self.weights.array))

    def of_weights(self, weights: Tensor) -> Tensor:
        """(G, num_weights) -> (G, num_slots), for slots that read no input."""
        return torch.addmm(self.offset.like(weights), weights, self.weights.like(weights))

    def of_rows(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """(G, B, num_inputs) and (G, num_weights) -> (G, B, num_slots)."""
        angles = inputs @ self.inputs.like(inputs) + self.offset.like(inputs)
        if self.reads_weights:
            angles = angles + (weights @ self.weights.like(weights)).unsqueeze(1)
        return angles
