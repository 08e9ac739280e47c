"""The state that the encoding and the first gates prepare, before qubits of different parts meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from backends.circuits.program import AffineMap, Fixed, Operation
from backends.circuits.structure import Component
from backends.exact.encoding import RegisterStates, encoding_phases
from backends.exact.fusion import Word, absorb_constants, fixed_gate
from backends.exact.steps import local_gates
from backends.exact.word_table import WordTable


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
        phases = fixed_gate(Fixed(np.diag(encoding_phases(width)), tuple(range(width))), width)
        words = []
        for part in parts:
            own = [operation for operation in operations if set(operation.qubits) <= set(part)]
            gates = absorb_constants([phases, *local_gates(own, part, width)])
            words.append(Word(tuple(gates), None))
        self._table = WordTable(words, [circuit.angles for circuit in circuits], angles)

    def __call__(
        self, inputs: Tensor, weights: Tensor
    ) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, Tensor]]]:
        """The state complex (G', 2^n, B), its qubits part by part, and its pullback.

        Args:
            inputs: (G, B, num_inputs), radians.
            weights: (G, num_weights), radians.
        """
        states, pull_states = self._states(inputs, weights)  # real (parts, G', B, d)
        matrices, pull_matrices = self._table(weights)  # (G', d out, parts, d in)
        columns = torch.view_as_real(matrices.permute(2, 0, 3, 1).contiguous()).flatten(0, 1).flatten(2)
        applied = torch.bmm(states.flatten(0, 1), columns).reshape(*states.shape, 2)
        tensors = torch.view_as_complex(applied)
        parts = [tensor[..., ::idle] for tensor, idle in zip(tensors.unbind(), self._idle, strict=True)]
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
            in_tensors = [_padded(each, idle) for each, idle in zip(in_parts, self._idle, strict=True)]
            incoming = torch.view_as_real(torch.stack(in_tensors)).flatten(0, 1).flatten(2)
            in_columns = torch.bmm(states.flatten(0, 1).mT, incoming).reshape(
                *matrices.permute(2, 0, 3, 1).shape, 2
            )
            in_matrices = torch.view_as_complex(in_columns).conj_physical().permute(1, 3, 0, 2)
            in_states = torch.bmm(incoming, columns.mT).reshape(states.shape)
            in_inputs, in_weights = pull_states(in_states)
            by_matrices = pull_matrices(in_matrices)
            return in_inputs, by_matrices if in_weights is None else by_matrices + in_weights

        return state, pull


def _padded(gradient: Tensor, idle: int) -> Tensor:
    """(G', B, D) to (G', B, D * idle), zeros where padding qubits are not |0>."""
    if idle == 1:
        return gradient
    return torch.nn.functional.pad(gradient.unsqueeze(-1), (0, idle - 1)).flatten(-2)
