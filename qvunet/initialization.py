"""How classical weights start.

The start decides whether the circuits learn at all: each layer between the vertex and the image scales
their gradient. Under torch's default, which shrinks a signal by sqrt(3) a layer, the circuits of the
`compact` network receive gradients near 1e-7, below the epsilon of Adam; under LeCun's, which keeps its
variance and is the default of the original's JAX code, near 1e-4.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

_TRUNCATED_STD = 0.87962566103423978
"""Standard deviation of a unit normal cut off at +-2."""


def lecun_normal(net: nn.Module) -> None:
    """Truncated normal weights of variance 1 / fan_in, zero biases (LeCun et al. 1998)."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            std = module.weight[0].numel() ** -0.5 / _TRUNCATED_STD
            nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def keep(net: nn.Module) -> None:
    """Leave what torch's layers drew for themselves."""


INITIALIZERS: dict[str, Callable[[nn.Module], None]] = {"lecun_normal": lecun_normal, "torch": keep}
"""The starts a `Preset` can name."""
