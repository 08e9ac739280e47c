"""Expectations of Pauli strings, in torch operations that autograd can follow to any order.

A string is ``i^(number of Y) X^x Z^z``: X flips the bits of a basis state in the mask x, Z gives a sign to
each bit in the mask z. On amplitudes a string is therefore a permutation and signs, and strings with the
same flips share all but the signs. On a chain of tensors it acts on each register by itself, and one sweep
from the left, which strings with the same beginning share, meets one of the identity from the right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backends.exact.constants import Constant

Signs = npt.NDArray[np.float64]


def pauli_strings(
    words: Sequence[str], registers: Sequence[Sequence[int]], width: int
) -> StateStrings | ChainStrings:
    """What takes the tensors of a simulator to the expectations of Pauli strings.

    Args:
        words: labels, a component's first qubit first.
        registers: the component's qubits, register by register.
        width: qubits of a register with its padding, which comes last.
    """
    if len(registers) == 1:
        return StateStrings(words)
    parts = [tuple("".join(word[q] for q in part).ljust(width, "I") for part in registers) for word in words]
    return ChainStrings(parts)


class StateStrings:
    """Expectations of Pauli strings in state vectors, a chain of one register.

    Args:
        words: labels, the state's first (most significant) qubit first.

    Attributes:
        copies: of the tensors, about, that are held for the gradient.
    """

    def __init__(self, words: Sequence[str]) -> None:
        by_flips: defaultdict[int, list[int]] = defaultdict(list)
        for k, word in enumerate(words):
            by_flips[_mask(word, "XY")].append(k)
        self.groups = [_SharedFlips(flips, [words[k] for k in ks]) for flips, ks in by_flips.items()]
        self.places = Constant(np.argsort([k for ks in by_flips.values() for k in ks]))
        self.copies = len(self.groups)

    def __call__(self, tensors: Sequence[Tensor]) -> Tensor:
        """One complex (N, 1, 1, 2^n) tensor to real (N, num_words)."""
        states = tensors[0].flatten(0, 2)
        values = torch.cat([group(states) for group in self.groups], dim=-1)
        return values.index_select(-1, self.places.like(values))


class _SharedFlips:
    """Strings that flip the same bits of a basis state."""

    def __init__(self, flips: int, words: Sequence[str]) -> None:
        basis = np.arange(2 ** len(words[0]))
        self.flips = Constant(basis ^ flips)
        self.diagonal = flips == 0
        signs = np.stack([z_signs(word) for word in words], axis=-1)
        # <s| P |s> is the sum over basis states b of conj(s[b]) (-i)^ys (-1)^(z . b) s[b ^ x].
        phases = np.array([(-1j) ** word.count("Y") for word in words])
        self.real, self.imaginary = Constant(signs * phases.real), Constant(-signs * phases.imag)
        self.odd = bool(np.any(phases.imag))

    def __call__(self, states: Tensor) -> Tensor:
        if self.diagonal:
            weights = torch.view_as_real(states).square().sum(-1)
            return weights @ self.real.like(weights)
        products = states.conj() * states.index_select(-1, self.flips.like(states))
        values = products.real @ self.real.like(products)
        return values + products.imag @ self.imaginary.like(products) if self.odd else values


class ChainStrings:
    """Expectations of Pauli strings in a chain of registers.

    Args:
        words: labels, a string for each register, on its qubits in their order and its padding.

    Attributes:
        copies: of the tensors, about, that are held for the gradient.
    """

    def __init__(self, words: Sequence[tuple[str, ...]]) -> None:
        self.words = [_until_last_letter(word) for word in words]
        distinct = {letters for word in self.words for letters in word}
        self.actions = {letters: _Action(letters) for letters in distinct}
        self.copies = len(words)

    def __call__(self, tensors: Sequence[Tensor]) -> Tensor:
        """Complex (N, left bond, right bond, d) a register to real (N, num_words)."""
        rights = [tensors[0].new_ones(len(tensors[0]), 1, 1)]
        for tensor in reversed(tensors[1:]):
            passed = torch.einsum("nmsd,nrs->nmrd", tensor, rights[-1])
            rights.append(torch.einsum("nlrd,nmrd->nlm", tensor.conj(), passed))
        lefts: dict[tuple[str, ...], Tensor] = {(): rights[0]}
        values = []
        for word in self.words:
            for k, tensor in enumerate(tensors[: len(word)]):
                if word[: k + 1] not in lefts:
                    turned = self.actions[word[k]](tensor)
                    passed = torch.einsum("nlm,nmsd->nlsd", lefts[word[:k]], turned)
                    lefts[word[: k + 1]] = torch.einsum("nlrd,nlsd->nrs", tensor.conj(), passed)
            values.append((lefts[word] * rights[len(tensors) - len(word)]).sum((1, 2)).real)
        return torch.stack(values, dim=-1)


class _Action:
    """A Pauli string on the last axis."""

    def __init__(self, word: str) -> None:
        self.flips = Constant(np.arange(2 ** len(word)) ^ _mask(word, "XY"))
        phases = (-1j) ** word.count("Y") * z_signs(word)
        self.phases = Constant(np.stack([phases.real, phases.imag], axis=-1))
        self.trivial = not word.strip("I")

    def __call__(self, tensor: Tensor) -> Tensor:
        if self.trivial:
            return tensor
        return torch.view_as_complex(self.phases.like(tensor)) * tensor.index_select(
            -1, self.flips.like(tensor)
        )


def _mask(word: str, letters: str) -> int:
    """The bits of a basis state, first qubit most significant, where a string has one of some letters."""
    return int("".join("1" if letter in letters else "0" for letter in word) or "0", 2)


def z_signs(word: str) -> Signs:
    """-1 for each basis state with an odd number of ones where the string has Z or Y, (2^n,)."""
    signs = np.ones(1)
    for letter in word:
        signs = np.outer(signs, [1.0, -1.0 if letter in "ZY" else 1.0]).ravel()
    return signs


def _until_last_letter(word: tuple[str, ...]) -> tuple[str, ...]:
    last = max((k for k, letters in enumerate(word) if letters.strip("I")), default=-1)
    return word[: last + 1]
