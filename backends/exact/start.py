"""The state that the encoding and the first gates prepare, before qubits of different parts meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from backends.circuits.program import AffineMap, Operation
from backends.circuits.structure import Component
from backends.exact.encoding import RegisterStates
from backends.exact.links import split_gates
from backends.exact.operators import RegisterOperators, apply_operator


class ProductState:
    """A product of the states of a few qubits each.

    Args:
        parts: the qubits of each part.
        leading: from `encoding.split_encoding`.
        operations: the gates after the encoding, each within one part.
        circuits: components of one shape.
        angles: the program's affine map.
    """

    def __init__(
        self,
        parts: Sequence[Sequence[int]],
        leading: dict[int, int],
        operations: Sequence[Operation],
        circuits: Sequence[Component],
        angles: AffineMap,
    ) -> None:
        width = max(len(part) for part in parts)
        self._idle = [2 ** (width - len(part)) for part in parts]  # states of padding qubits, which stay |0>
        self._states = RegisterStates(parts, leading, circuits, angles)
        gates, _ = split_gates(operations, parts, width)
        self._operators = RegisterOperators(gates, [[] for _ in parts[1:]], circuits, angles)

    def __call__(
        self, inputs: Tensor, weights: Tensor
    ) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, Tensor]]]:
        """The state complex (G', 2^n, B), its qubits part by part, and its pullback.

        Args:
            inputs: (G, B, num_inputs), radians.
            weights: (G, num_weights), radians.
        """
        rows = inputs.shape[1]
        states, pull_states = self._states(inputs, weights)
        operators, pull_operators = self._operators(weights)
        tensors, pulls = zip(*map(apply_operator, operators, states), strict=True)
        parts = [
            tensor.reshape(-1, rows, tensor.shape[-1])[..., ::idle]
            for tensor, idle in zip(tensors, self._idle, strict=True)
        ]
        # The product of all parts from each on.
        products = [parts[-1]]
        for part in parts[-2:0:-1]:
            products.append((part.unsqueeze(-1) * products[-1].unsqueeze(-2)).flatten(-2))
        state = products[-1].mT.contiguous()
        if len(parts) > 1:
            state = (parts[0].mT.contiguous().unsqueeze(2) * state.unsqueeze(1)).flatten(1, 2)

        def pull(gradient: Tensor) -> tuple[Tensor, Tensor]:
            rest = gradient.mT.contiguous()  # (G', B, 2^n)
            in_parts = []
            for part, others in zip(parts[:-1], reversed(products), strict=False):  # one part has no others
                rest = rest.unflatten(-1, (part.shape[-1], -1))
                in_parts.append((rest @ others.conj().unsqueeze(-1)).squeeze(-1))
                rest = (part.conj().unsqueeze(-2) @ rest).squeeze(-2)
            in_parts.append(rest)
            pairs = [
                pull(_padded(each, idle))
                for pull, each, idle in zip(pulls, in_parts, self._idle, strict=True)
            ]
            in_operators, in_states = zip(*pairs, strict=True)
            in_inputs, in_weights = pull_states(torch.stack(in_states))
            by_operators = pull_operators(in_operators)
            return in_inputs, by_operators if in_weights is None else by_operators + in_weights

        return state, pull


def _padded(gradient: Tensor, idle: int) -> Tensor:
    """Gradient in a part (G', B, D), as `apply_operator` takes it: (G' * B, 1, D * idle)."""
    flat = gradient.reshape(-1, 1, gradient.shape[-1])
    if idle == 1:
        return flat
    return torch.nn.functional.pad(flat.unsqueeze(-1), (0, idle - 1)).flatten(-2)
