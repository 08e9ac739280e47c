"""Simulating with a method of the test's choice, where the engine would choose by cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import Tensor

from backends.circuits.program import Program, program_from_circuit
from backends.circuits.structure import classes
from backends.exact import engine as engines
from backends.exact.chain import RegisterChain
from backends.exact.dense import DenseState
from backends.exact.engine import ExactEngine
from tests.backends.random_circuits import TestAnsatz

METHODS = [RegisterChain, DenseState]


def program_of(ansatz: TestAnsatz) -> Program:
    """The program of an ansatz."""
    return program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights)


@contextmanager
def only(method: type[RegisterChain] | type[DenseState] | None) -> Iterator[None]:
    """What is made meanwhile simulates every component by one method; with None, as the engine chooses."""
    with pytest.MonkeyPatch.context() as patch:
        if method is not None:
            patch.setattr(engines, "_simulator", lambda circuits, program: method(circuits, program.angles))
        yield


def forced(method: type[RegisterChain] | type[DenseState], program: Program) -> ExactEngine:
    """An engine that simulates every component by one method."""
    with only(method):
        return ExactEngine(program)


def amplitudes(engine: ExactEngine, program: Program, inputs: Tensor, weights: Tensor) -> Tensor:
    """The whole state (G, B, 2^n), qubit 0 most significant, from the amplitudes of the components."""
    groups, rows = inputs.shape[:2]
    state = torch.ones(groups, rows, 1, dtype=torch.complex128)
    order: list[int] = []
    for circuits, simulator in zip(classes(program), engine.simulators, strict=True):
        factors = simulator.amplitudes(inputs, weights).unflatten(0, (groups, -1))
        for k, component in enumerate(circuits):
            state = (state.unsqueeze(-1) * factors[:, k].unsqueeze(-2)).flatten(-2)
            order += component.qubits
    axes = (2 + np.argsort(order)).tolist()
    return state.reshape(groups, rows, *[2] * len(order)).permute(0, 1, *axes).reshape(groups, rows, -1)
