"""The states of a circuit at random parameters, part by part."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from backends.circuits.program import Ansatz, program_from_circuit
from backends.circuits.structure import classes
from backends.exact import ExactEngine
from qvunet.diagnostics.draws import random_parameters

MAX_STATE_QUBITS = 14
"""States of larger parts are not looked at: thousands of them would take minutes."""
CHUNK_AMPLITUDES = 2**21
"""Amplitudes held at a time."""


@dataclass(frozen=True)
class StatePairs:
    """Pairs of states at independent random parameters.

    Attributes:
        qubits: of each connected component, ascending.
        fidelities: (components, S), the fidelity of each pair.
        entanglement: (components, S), Meyer-Wallach's measure of the first state of each pair.
    """

    qubits: tuple[tuple[int, ...], ...]
    fidelities: Tensor
    entanglement: Tensor


def draw_pairs(ansatz: Ansatz, samples: int, seed: int = 0) -> StatePairs | None:
    """Draw weights and inputs, uniform on the circle, and compare the states.

    Args:
        ansatz: the circuit.
        samples: pairs S.
        seed: of the parameters.

    Returns:
        None if a component has more than `MAX_STATE_QUBITS` qubits.
    """
    program = program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights)
    parts = [part for shape in classes(program) for part in shape]
    if max(len(part.qubits) for part in parts) > MAX_STATE_QUBITS:
        return None
    chunk = max(1, CHUNK_AMPLITUDES // sum(2 ** len(part.qubits) for part in parts))
    first, second = (random_parameters(ansatz, samples, seed, counter) for counter in (2, 3))
    engine = ExactEngine(program)
    fidelities, entanglement = [], []
    for start in range(0, samples, chunk):
        rows = slice(start, start + chunk)
        states, others = (list(_states(engine, x[rows], w[rows])) for x, w in (first, second))
        pairs = zip(states, others, strict=True)
        fidelities.append(torch.stack([(a.conj() * b).sum(-1).abs().square() for a, b in pairs]))
        entanglement.append(torch.stack([meyer_wallach(state) for state in states]))
    order = sorted(range(len(parts)), key=lambda k: parts[k].qubits)
    return StatePairs(
        tuple(parts[k].qubits for k in order),
        torch.cat(fidelities, dim=1)[order],
        torch.cat(entanglement, dim=1)[order],
    )


def meyer_wallach(states: Tensor) -> Tensor:
    """Q = 2 (1 - mean over qubits of Tr rho_k^2), (S,) in [0, 1].

    Meyer and Wallach 2002, arXiv:quant-ph/0108104, in the form of Brennen 2003, arXiv:quant-ph/0305094.

    Args:
        states: complex (S, 2^n), normalised.
    """
    num_qubits = round(math.log2(states.shape[-1]))
    purities = []
    for qubit in range(num_qubits):
        halves = states.reshape(len(states), 2**qubit, 2, -1).transpose(1, 2).flatten(2)
        density = halves @ halves.mH
        purities.append(density.abs().square().sum((-2, -1)))
    return 2 * (1 - torch.stack(purities).mean(dim=0))


def _states(engine: ExactEngine, inputs: Tensor, weights: Tensor) -> Iterator[Tensor]:
    """(S, 2^k) of each component, in the order of the engine's classes."""
    for states in engine.amplitudes(inputs.unsqueeze(1), weights):
        yield from states.reshape(len(inputs), -1, states.shape[-1]).unbind(dim=1)
