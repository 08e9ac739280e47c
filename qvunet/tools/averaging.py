"""An exponential moving average of a network's weights, by which it is sampled.

diffusers has one in `diffusers.training_utils`, which loads much of that library and a part of transformers:
a third of the time that a training needs before its first step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import Parameter


class WeightAverage:
    """The average of parameters that are updated step by step.

    At update k it moves towards the parameters by ``1 - min(decay, k / (k + 9))`` of the difference, so that
    it forgets the start sooner than the decay alone would let it (as in TensorFlow's
    `ExponentialMovingAverage` with `num_updates`); the first update copies. Parameters that require no
    gradient are copied.

    Args:
        parameters: of the network, in an order that stays.
        decay: in [0, 1], the limit for many updates.

    Attributes:
        num_updates: how often it has been updated.
        average: a tensor for each parameter, on its device.
    """

    def __init__(self, parameters: Sequence[Parameter], decay: float) -> None:
        self.parameters = list(parameters)
        self.decay = decay
        self.num_updates = 0
        self.average = [parameter.detach().clone() for parameter in self.parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Move towards the parameters as they are now."""
        self.num_updates += 1
        moved = 1 - self._decay_now()
        pairs = list(zip(self.average, self.parameters, strict=True))
        trained = [pair for pair in pairs if pair[1].requires_grad]
        if trained:
            averages, parameters = map(list, zip(*trained, strict=True))
            torch._foreach_sub_(averages, torch._foreach_sub(averages, parameters), alpha=moved)
        for average, parameter in pairs:
            if not parameter.requires_grad:
                average.copy_(parameter)

    def _decay_now(self) -> float:
        done = self.num_updates - 1
        return min(self.decay, (1 + done) / (10 + done)) if done else 0.0

    def restore(self, average: Sequence[Tensor], num_updates: int) -> None:
        """Go on from another average of the same parameters, such as a checkpoint's."""
        self.average = [
            new.to(parameter.device) for new, parameter in zip(average, self.parameters, strict=True)
        ]
        self.num_updates = num_updates

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """The network has its averaged weights inside the block."""
        stored = [parameter.detach().clone() for parameter in self.parameters]
        self._assign(self.average)
        try:
            yield
        finally:
            self._assign(stored)

    @torch.no_grad()
    def _assign(self, values: Sequence[Tensor]) -> None:
        for parameter, value in zip(self.parameters, values, strict=True):
            parameter.copy_(value)
