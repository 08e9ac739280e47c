"""What stands between angles and expectations, and who makes it."""

from __future__ import annotations

from typing import Protocol

from torch import nn


class Cores(Protocol):
    """Makes what stands between angles and expectations.

    `qvunet.cores.circuits.CircuitCores` is the usual one; those of `qvunet.cores.controls` take its place.
    """

    @property
    def num_features(self) -> int:
        """n, a multiple of 4: the values of one circuit's 2x2 patch."""

    def __call__(self, num_circuits: int) -> nn.Module:
        """A module (rows, q, n) -> (rows, q, n)."""
