"""What may stand in the circuits' place, to tell what circuits do from what any change does.

Both controls read and return what a circuit does: n angles in radians, and n values in [-1, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qvunet.ansatz import Ansatz


class EncodingOnly(nn.Module):
    """A circuit without its weighted layers: what is left of it are the encoding and the readout.

    ``Rx(x)`` on a qubit in the ground state, then ``<Z>``, is ``cos(x)``.
    """

    def forward(self, angles: Tensor) -> Tensor:
        """(rows, q, n) angles in radians -> (rows, q, n) expectations in [-1, 1]."""
        return angles.cos()


class CircuitSizedMLP(nn.Module):
    """q perceptrons with one hidden layer, n -> h -> n, computed together: SiLU, then tanh at the end.

    Args:
        num_circuits: q; 1 serves any number of circuits with the same weights.
        num_features: n.
        num_hidden: h.

    Attributes:
        weight1: (q, n, h); bias1: (q, 1, h); weight2: (q, h, n); bias2: (q, 1, n). All start uniformly within
            one over the root of the layer's inputs, as those of `torch.nn.Linear` do.
    """

    def __init__(self, num_circuits: int, num_features: int, num_hidden: int):
        super().__init__()
        self.weight1, self.bias1 = _linear(num_circuits, num_features, num_hidden)
        self.weight2, self.bias2 = _linear(num_circuits, num_hidden, num_features)

    def forward(self, angles: Tensor) -> Tensor:
        """(rows, q, n) -> (rows, q, n), in [-1, 1]."""
        hidden = nn.functional.silu(angles.transpose(0, 1) @ self.weight1 + self.bias1)
        return torch.tanh(hidden @ self.weight2 + self.bias2).transpose(0, 1)


@dataclass(frozen=True)
class EncodingCores:
    """Makes `EncodingOnly` cores (a `qvunet.models.hybrid.Cores`).

    Attributes:
        ansatz: whose place they take.
    """

    ansatz: Ansatz

    @property
    def num_features(self) -> int:
        """n, the values that one circuit reads and returns."""
        return self.ansatz.num_qubits

    def __call__(self, num_circuits: int) -> nn.Module:
        """A module (rows, q, n) -> (rows, q, n)."""
        return EncodingOnly()


@dataclass(frozen=True)
class MLPCores:
    """Makes `CircuitSizedMLP` cores of about as many parameters as circuits have weights.

    Attributes:
        ansatz: whose place they take.
        share: whether all perceptrons of a core have one set of weights.
    """

    ansatz: Ansatz
    share: bool

    @property
    def num_features(self) -> int:
        """n, the values that one circuit reads and returns."""
        return self.ansatz.num_qubits

    def __call__(self, num_circuits: int) -> nn.Module:
        """A module (rows, q, n) -> (rows, q, n)."""
        num_hidden = matching_width(self.num_features, len(self.ansatz.weights))
        return CircuitSizedMLP(1 if self.share else num_circuits, self.num_features, num_hidden)


def matching_width(num_features: int, num_weights: int) -> int:
    """Hidden width, at least 1, for which a perceptron n -> h -> n comes nearest to a number of parameters.

    It has ``h (2 n + 1) + n`` of them: 87 for HQConv's 84 (n = 12, three layers, h = 3).
    """
    return max(1, round((num_weights - num_features) / (2 * num_features + 1)))


def _linear(num_circuits: int, inputs: int, outputs: int) -> tuple[nn.Parameter, nn.Parameter]:
    bound = 1 / math.sqrt(inputs)
    weight, bias = torch.empty(num_circuits, inputs, outputs), torch.empty(num_circuits, 1, outputs)
    return nn.Parameter(weight.uniform_(-bound, bound)), nn.Parameter(bias.uniform_(-bound, bound))
