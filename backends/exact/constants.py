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
    """Cosine and sine of half the angles that a list of slots takes.

    Both come out of one matrix product and one cosine, since sin(t) = cos(t - pi/2): the engine's tensors
    are so small that the number of operations decides its speed.

    Args:
        angles: affine map with one row a slot.
    """

    def __init__(self, angles: AffineMap) -> None:
        self.inputs = Constant(np.repeat(angles.inputs_matrix.T / 2, 2, axis=1))
        self.weights = Constant(np.repeat(angles.weights_matrix.T / 2, 2, axis=1))
        self.offset = Constant(np.stack([angles.offset / 2, angles.offset / 2 - np.pi / 2], axis=1).ravel())
        self.reads_weights = bool(np.any(self.weights.array))

    def of_weights(self, weights: Tensor) -> Tensor:
        """(G, num_weights) -> (G, num_slots, 2), for slots that read no input."""
        half = torch.addmm(self.offset.like(weights), weights, self.weights.like(weights))
        return half.cos().unflatten(-1, (-1, 2))

    def of_rows(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """(G, B, num_inputs) and (G, num_weights) -> (G, B, num_slots, 2)."""
        half = torch.addmm(self.offset.like(inputs), inputs.flatten(0, 1), self.inputs.like(inputs))
        half = half.unflatten(0, inputs.shape[:2])
        if self.reads_weights:
            half = half + (weights @ self.weights.like(weights)).unsqueeze(1)
        return half.cos().unflatten(-1, (-1, 2))
