"""Numpy constants of a compiled circuit, handed out as tensors of whatever dtype and device is asked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


class Constant:
    """An array fixed at compilation; its tensors are kept, since they depend on no value of a call."""

    def __init__(self, array: npt.ArrayLike) -> None:
        self.array = np.asarray(array)
        self._tensors: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def like(self, tensor: Tensor) -> Tensor:
        """The constant in the real precision and on the device of `tensor`; integers stay integers."""
        key = (tensor.dtype, tensor.device)
        if key in self._tensors:
            return self._tensors[key]
        dtype = torch.int64 if self.array.dtype.kind == "i" else tensor.dtype.to_real()
        with torch.inference_mode(False):  # a tensor made in inference mode could not train later
            made = torch.as_tensor(self.array, dtype=dtype, device=tensor.device)
        if type(made) is Tensor:  # export and compilation ask with tensors that have no values
            self._tensors[key] = made
        return made
