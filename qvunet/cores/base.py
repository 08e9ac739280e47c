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
        """n, the values that one circuit reads: at a vertex those of a 2x2 patch, a multiple of 4."""

    @property
    def num_values(self) -> int:
        """What one circuit returns: n, or more where products are read too."""

    def __call__(self, num_circuits: int) -> nn.Module:
        """A module (rows, q, n) -> (rows, q, num_values)."""
