"""Sequences of fused gates, and their products by plain multiplication."""

from __future__ import annotations

import functools

import numpy as np
from qiskit.quantum_info import random_unitary

from backends.circuits.program import AffineMap, Fixed, Rotation
from backends.exact.fusion import conditional, fixed_gate, projectors, rotation_gate


def matrix_at(gate, angle, branch=0):
    """The matrix of a fused gate's branch at an angle."""
    return np.tensordot([1, np.cos(angle / 2), np.sin(angle / 2)], gate.terms[branch], 1)


def sequence(pattern):
    """Gates on two qubits: r a rotation, c a constant, a digit a rotation with that link, p a projector."""
    rng = np.random.default_rng(0)
    gates = []
    for letter in pattern:
        angle = sum(gate.angle is not None for gate in gates)
        axis = "XYZ"[rng.integers(3)]
        if letter == "c":
            gates.append(fixed_gate(Fixed(random_unitary(4, seed=len(gates)).data, (0, 1)), 2))
        elif letter == "p":
            gates.append(projectors(axis, 1, 2, link=0))
        elif letter == "r":
            gates.append(rotation_gate(Rotation(axis, (0,), angle), 2))
        else:
            gates.append(conditional(Rotation("Z" + axis, (0, 1), angle), 0, 0, 2, link=int(letter)))
    return gates


def product(gates, angles, branches):
    """First applied first; `branches` maps a link to its branch."""
    matrices = [
        matrix_at(gate, 0.0 if gate.angle is None else angles[gate.angle], branches.get(gate.link, 0))
        for gate in gates
    ]
    return functools.reduce(lambda done, matrix: matrix @ done, matrices, np.eye(4))


PATTERNS = [
    "r",
    "c",
    "rc",
    "cr",
    "ccrccrc",
    "p0c",
    "c0r0",
    "p0r1c",
    "0c1p",
    "r" * 11,
    "0r1r0c1cc",
    "rrrrrrrr0rr1",
]


def weights_only(count):
    """Angle k is weight k."""
    return AffineMap(np.zeros((count, 0)), np.eye(count), np.zeros(count))
