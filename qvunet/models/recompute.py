"""Memory for time: what is cheap to compute is computed again in the backward pass."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.utils.checkpoint import checkpoint


def recompute(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``function(x)``, keeping `x` for the backward pass and nothing that is computed on the way.

    Args:
        function: deterministic; it may use parameters, which receive their gradients.
        x: any tensor.
    """
    y: Tensor = checkpoint(
        function, x, use_reentrant=False, preserve_rng_state=False, determinism_check="none"
    )
    return y
