"""Blocks at the edges of a circuit: one Clifford interaction does, whatever their angles.

A block applies U0 to its target where the control is 0, U1 where it is 1. What it costs is the angle gamma
of `multiplexor.demultiplex`, and that is pi/2, as for a CZ, where the trace of ``U0 U1^dagger`` vanishes. A
phase on one basis state of the target makes it vanish, and at two places such a phase changes nothing:

- *At the start*, where the target is still in ``|0>``: the phase on ``|1>`` before U0 is never met. The
  state is the same, up to global phase.
- *At the end*, where all that follows on control and target is diagonal: the phase after U0, where the
  control is 0 and the target 1, is one on outcomes. The probabilities of all outcomes in Z are the same,
  and so is the expectation of every product of Z; those of X and Y are not.

Each needs the 2x2 unitaries of its own block alone, row by row: no state is computed, and no weight need be
the same in all rows. The first is the known saving for a multiplexor on a fresh qubit, the second that for
one "up to a diagonal" (Shende, Bullock and Markov, IEEE Trans. CAD 25 (2006), arXiv:quant-ph/0406176,
Theorems 9 and 14, where it pulls diagonals through a circuit).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from backends.circuits.program import Operation
from backends.devices.lowering.blocks import Block, Edge, Reading, commutes
from backends.devices.lowering.single_qubit import Complex, dagger

NEGLIGIBLE = 1e-14
"""A matrix entry below this has no phase to speak of."""

Element = Operation | Block


def at_start(elements: Iterable[Element]) -> list[Element]:
    """Mark the blocks whose target no other has met, and give them what acts on it before.

    Args:
        elements: of a circuit that begins in ``|0...0>``, first applied first.
    """
    found: list[Element] = []
    met: set[int] = set()
    for element in elements:
        if isinstance(element, Block):
            if element.target not in met:
                before, found = _on(element.target, found)
                element = replace(element, operations=(*before, *element.operations), edge="start")
            met.update(element.qubits)
        found.append(element)
    return found


def at_end(elements: Sequence[Element]) -> list[Element]:
    """Mark the blocks after which control and target meet what is diagonal only.

    Args:
        elements: of a circuit of which all is read in Z, first applied first.
    """
    found: list[Element] = []
    for element in reversed(elements):
        if isinstance(element, Block) and element.edge is None and element.axis == "Z":
            following = _until_block(element.target, found)
            after, rest = _on(element.target, found[:following])
            rest += found[following:]
            if all(_is_diagonal(each, element.qubits) for each in rest):
                element = replace(element, operations=(*element.operations, *after), edge="end")
                found = rest
        found.insert(0, element)
    return found


def settled(edge: Edge, u0: Complex, u1: Complex) -> Complex:
    """U0 with the phase for which ``U0 U1^dagger`` has no trace.

    Args:
        edge: where the block is.
        u0: unitaries (..., 2, 2) on the target where the control is 0.
        u1: where it is 1.
    """
    if edge == "start":
        return u0 * _balance(dagger(u1) @ u0)[..., None, :]
    return _balance(u0 @ dagger(u1))[..., :, None] * u0


def _balance(matrices: Complex) -> Complex:
    """Phases (1, p) such that ``m[0, 0] + p m[1, 1] = 0``, (..., 2), of unitaries m (..., 2, 2)."""
    phase = -matrices[..., 0, 0] * matrices[..., 1, 1].conj()
    size = abs(phase)
    phase = np.where(size > NEGLIGIBLE, phase / np.maximum(size, NEGLIGIBLE), 1.0)
    return np.stack([np.ones_like(phase), phase], axis=-1)


def _on(qubit: int, elements: Iterable[Element]) -> tuple[list[Operation], list[Element]]:
    """Single-qubit operations on a qubit, and everything else."""
    on_it: list[Operation] = []
    others: list[Element] = []
    for each in elements:
        if isinstance(each, Block) or each.qubits != (qubit,):
            others.append(each)
        else:
            on_it.append(each)
    return on_it, others


def _until_block(qubit: int, elements: Sequence[Element]) -> int:
    """How many elements come before the first block of a qubit."""
    places = (k for k, each in enumerate(elements) if isinstance(each, Block) and qubit in each.qubits)
    return next(places, len(elements))


def _is_diagonal(element: Element, qubits: Iterable[int]) -> bool:
    operations = element.operations if isinstance(element, Block) else (element,)
    return all(commutes(operation, Reading(qubit, "Z")) for operation in operations for qubit in qubits)
