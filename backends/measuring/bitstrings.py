"""Counted bitstrings: their parities, and those of parts that are simulated apart, put side by side.

The mean of a product of signs is not the product of their means: over N shots the parity of two fair and
independent bits scatters by 1/sqrt(N), while the product of their means would scatter by 1/N.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]
Part = TypeVar("Part", bound=Hashable)


@dataclass(frozen=True)
class Counts:
    """How often each bitstring was found in each of some rows, all of as many shots.

    Attributes:
        num_rows: R.
        row: (K,), ascending.
        outcome: (K,), a bitstring as a number.
        times: (K,).
    """

    num_rows: int
    row: Integers
    outcome: Integers
    times: Integers

    @classmethod
    def from_hexadecimal(cls, found: Sequence[Mapping[str, int]]) -> Counts:
        """Read what Aer gives for each row."""
        row = np.repeat(np.arange(len(found)), [len(each) for each in found])
        outcome = np.array([int(key, 16) for each in found for key in each])
        return cls(len(found), row, outcome, np.array([n for each in found for n in each.values()]))

    @classmethod
    def from_table(cls, times: Integers) -> Counts:
        """Read how often each of all bitstrings was found, (R, 2^n)."""
        row, outcome = np.nonzero(times)
        return cls(len(times), row, outcome, times[row, outcome])

    def parity(self, bits: Sequence[int]) -> Array:
        """The mean of the parity sign of some bits, 0 the least significant: (R,)."""
        signs = self.times * (1.0 - 2.0 * _odd(self.outcome, bits))
        return np.bincount(self.row, signs, self.num_rows) / np.bincount(self.row, self.times, self.num_rows)

    def shots(self, rng: np.random.Generator) -> Integers:
        """The outcome of each shot, (R, shots): any order of one circuit's shots is as good."""
        return rng.permuted(np.repeat(self.outcome, self.times).reshape(self.num_rows, -1), axis=1)


def parities(
    found: Mapping[Part, Counts], terms: Sequence[Mapping[Part, Sequence[int]]], rng: np.random.Generator
) -> list[Array]:
    """The mean parity sign of each term, (R,), whose bits may lie in several parts.

    Args:
        found: the counts of each part.
        terms: for each the bits that count of each part that it reads, 0 the least significant.
        rng: pairs the bitstrings of different parts.
    """
    paired = dict.fromkeys(part for term in terms if len(term) > 1 for part in term)
    shots = {part: found[part].shots(rng) for part in paired}
    values = []
    for term in terms:
        if len(term) > 1:
            values.append(_joint_parity([(shots[part], bits) for part, bits in term.items()]))
        else:
            values += [found[part].parity(bits) for part, bits in term.items()]
    return values


def _joint_parity(parts: Sequence[tuple[Integers, Sequence[int]]]) -> Array:
    odd = np.bitwise_xor.reduce([_odd(outcomes, bits) for outcomes, bits in parts])
    return np.asarray(1.0 - 2.0 * odd.mean(axis=-1))


def _odd(outcomes: Integers, bits: Sequence[int]) -> Integers:
    """1 where an odd number of some bits is set, else 0."""
    return np.bitwise_xor.reduce([(outcomes >> bit) & 1 for bit in bits])
