"""What may stand in the circuits' place, to tell what circuits do from what any change does.

Every control reads and returns what a circuit does: n angles in radians, and n values, which but for `linear`
are in [-1, 1]. Those with parameters have about as many as the circuit has weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qvunet.ansatz import Ansatz

MakeControl = Callable[[int, int, int], nn.Module]
"""From the numbers of circuits q, of values n, of a circuit's weights to a module (rows, q, n) -> (rows, q,
n)."""


class Cosine(nn.Module):
    """What is left of a circuit without its weighted layers.

    ``Rx(x)`` on a qubit in the ground state, then ``<Z>``, is ``cos(x)``.
    """

    def forward(self, angles: Tensor) -> Tensor:
        """(rows, q, n) angles in radians -> (rows, q, n) in [-1, 1]."""
        return angles.cos()


class Nothing(nn.Module):
    """Zeros: what the network can do by itself."""

    def forward(self, angles: Tensor) -> Tensor:
        """(rows, q, n) -> zeros of the same shape."""
        return torch.zeros_like(angles)


class Perceptrons(nn.Module):
    """q perceptrons with one hidden layer, n -> h -> n, computed together: SiLU, then tanh at the end.

    Args:
        num_circuits: q; 1 serves any number of circuits with the same weights.
        num_features: n.
        num_weights: h is chosen to come nearest to it.

    Attributes:
        weight1: (q, n, h); bias1: (q, 1, h); weight2: (q, h, n); bias2: (q, 1, n). All start uniformly within
            one over the root of the layer's inputs, as those of `torch.nn.Linear` do.
    """

    def __init__(self, num_circuits: int, num_features: int, num_weights: int):
        super().__init__()
        num_hidden = nearest_width(num_weights, 2 * num_features + 1, num_features)
        self.weight1, self.bias1 = _linear(num_circuits, num_features, num_hidden)
        self.weight2, self.bias2 = _linear(num_circuits, num_hidden, num_features)

    def forward(self, angles: Tensor) -> Tensor:
        """(rows, q, n) -> (rows, q, n), in [-1, 1]."""
        hidden = nn.functional.silu(angles.transpose(0, 1) @ self.weight1 + self.bias1)
        return torch.tanh(hidden @ self.weight2 + self.bias2).transpose(0, 1)


class FourierFeatures(nn.Module):
    """Cosines and sines of a linear map, then a linear map and tanh: what circuits are said to amount to.

    Landman et al. 2022 (arXiv:2210.13200): a circuit that encodes data by rotations is a Fourier series in
    it.

    Args:
        num_circuits: q; 1 serves any number of circuits with the same weights.
        num_features: n.
        num_weights: the number h of frequencies is chosen to come nearest to it.
    """

    def __init__(self, num_circuits: int, num_features: int, num_weights: int):
        super().__init__()
        num_frequencies = nearest_width(num_weights, 3 * num_features + 1, num_features)
        self.frequencies, self.phases = _linear(num_circuits, num_features, num_frequencies)
        self.weight, self.bias = _linear(num_circuits, 2 * num_frequencies, num_features)

    def forward(self, angles: Tensor) -> Tensor:
        """(rows, q, n) -> (rows, q, n), in [-1, 1]."""
        waves = angles.transpose(0, 1) @ self.frequencies + self.phases
        features = torch.cat([waves.cos(), waves.sin()], dim=-1)
        return torch.tanh(features @ self.weight + self.bias).transpose(0, 1)


class LinearMaps(nn.Module):
    """q linear maps of rank r with a bias: mixing, and nothing that is not linear.

    Args:
        num_circuits: q; 1 serves any number of circuits with the same weights.
        num_features: n.
        num_weights: r is chosen to come nearest to it.
    """

    def __init__(self, num_circuits: int, num_features: int, num_weights: int):
        super().__init__()
        rank = nearest_width(num_weights, 2 * num_features, num_features)
        self.down, _ = _linear(num_circuits, num_features, rank)
        self.up, self.bias = _linear(num_circuits, rank, num_features)

    def forward(self, angles: Tensor) -> Tensor:
        """(rows, q, n) -> (rows, q, n)."""
        return (angles.transpose(0, 1) @ self.down @ self.up + self.bias).transpose(0, 1)


CONTROLS: dict[str, MakeControl] = {
    "encoding": lambda q, n, weights: Cosine(),
    "tanh": lambda q, n, weights: nn.Tanh(),
    "none": lambda q, n, weights: Nothing(),
    "mlp": Perceptrons,
    "fourier": FourierFeatures,
    "linear": LinearMaps,
}
"""Controls that are no circuits, by the name of `model.core`."""


@dataclass(frozen=True)
class ControlCores:
    """Makes cores of a control (a `qvunet.cores.base.Cores`).

    Attributes:
        ansatz: whose place they take.
        share: whether all controls of a core have one set of weights.
        make: one of `CONTROLS`.
    """

    ansatz: Ansatz
    share: bool
    make: MakeControl

    @property
    def num_features(self) -> int:
        """n, the values that one circuit reads and returns."""
        return len(self.ansatz.inputs)

    @property
    def num_values(self) -> int:
        """The same."""
        return self.num_features

    def __call__(self, num_circuits: int) -> nn.Module:
        """A module (rows, q, n) -> (rows, q, n)."""
        return self.make(1 if self.share else num_circuits, self.num_features, len(self.ansatz.weights))


def nearest_width(num_weights: int, each: int, fixed: int) -> int:
    """The width w, at least 1, for which ``w * each + fixed`` parameters come nearest to a number.

    A perceptron n -> h -> n has ``h (2 n + 1) + n``: 87 for HQConv's 84 (n = 12, three layers, h = 3).
    """
    return max(1, round((num_weights - fixed) / each))


def _linear(num_circuits: int, inputs: int, outputs: int) -> tuple[nn.Parameter, nn.Parameter]:
    bound = 1 / math.sqrt(inputs)
    weight, bias = torch.empty(num_circuits, inputs, outputs), torch.empty(num_circuits, 1, outputs)
    return nn.Parameter(weight.uniform_(-bound, bound)), nn.Parameter(bias.uniform_(-bound, bound))
