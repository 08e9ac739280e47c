"""Noise models to test with, and what Aer's density matrices say of circuits under them."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.quantum_info import DensityMatrix, SuperOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    QuantumError,
    ReadoutError,
    amplitude_damping_error,
    coherent_unitary_error,
    depolarizing_error,
    pauli_error,
    reset_error,
    thermal_relaxation_error,
)
from scipy.stats import unitary_group

from backends.circuits.observables import in_basis, measurement_bases, read_observables
from backends.circuits.program import Ansatz, program_from_circuit, without_controls
from backends.devices.placement import Piece, Placement

BASIS = ("rz", "rx", "sx", "cx")


def random_noise(seed: int, num_qubits: int) -> NoiseModel:
    """Errors of every kind on gates, measurements and readout, some on all qubits, some on single ones."""
    rng = np.random.default_rng(seed)
    model = NoiseModel(list(BASIS))
    model.add_all_qubit_quantum_error(_one(rng), ["sx"])
    model.add_all_qubit_quantum_error(depolarizing_error(rng.uniform(0, 0.2), 2), ["cx"])
    model.add_all_qubit_readout_error(_readout(rng))
    for qubit in range(0, num_qubits, 2):
        model.add_quantum_error(_one(rng), ["rz", "sx"], [qubit], warnings=False)
        model.add_readout_error(_readout(rng), [qubit], warnings=False)
    for qubit in range(1, num_qubits, 2):
        model.add_quantum_error(_one(rng), ["measure", "rx"], [qubit], warnings=False)
    for pair in ((k, k + 1) for k in range(num_qubits - 1)):
        model.add_quantum_error(_two(rng), ["cx"], pair, warnings=False)
    return model


def saved(model: NoiseModel, path: Path) -> str:
    """A noise model as a file."""
    path.write_text(json.dumps(model.to_dict(serializable=True)))
    return str(path)


def _one(rng: np.random.Generator) -> QuantumError:
    kinds = [
        lambda: depolarizing_error(rng.uniform(0, 0.3), 1),
        lambda: thermal_relaxation_error(
            1.0, rng.uniform(0.5, 1.9), rng.uniform(0, 0.5), rng.uniform(0, 0.3)
        ),
        lambda: amplitude_damping_error(rng.uniform(0, 0.3)),
        lambda: coherent_unitary_error(_near_identity(rng, 2)),
        lambda: pauli_error([("X", 0.05), ("Y", 0.1), ("I", 0.85)]),
        lambda: reset_error(rng.uniform(0, 0.2), rng.uniform(0, 0.2)),
    ]
    first, second = (kinds[k]() for k in rng.integers(len(kinds), size=2))
    return first.compose(second)


def _two(rng: np.random.Generator) -> QuantumError:
    local = _one(rng).tensor(_one(rng))
    return local.compose(coherent_unitary_error(_near_identity(rng, 4)))


def _near_identity(rng: np.random.Generator, size: int) -> Any:
    values, vectors = np.linalg.eig(unitary_group.rvs(size, random_state=rng))
    return vectors @ np.diag(np.exp(0.1j * np.angle(values))) @ np.linalg.inv(vectors)


def _readout(rng: np.random.Generator) -> ReadoutError:
    wrong_0, wrong_1 = rng.uniform(0, 0.2, 2)
    return ReadoutError([[1 - wrong_0, wrong_0], [wrong_1, 1 - wrong_1]])


def measured(
    ansatz: Ansatz,
    placement: Placement,
    inputs: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Means of endless shots, (rows, num_observables); strings are measured together as on `aer_shots`."""
    program = without_controls(program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights))
    angles = program.angles(inputs, weights)
    readout = read_observables(ansatz.observables, program.num_qubits)
    means = np.zeros((len(angles), len(readout.terms)))
    for members, basis in measurement_bases(readout.terms):
        pieces = placement(in_basis(program, basis))
        for k in members:
            strings = [[_string(piece, row, readout.terms[k]) for piece in pieces] for row in angles]
            means[:, k] = np.prod(strings, axis=1)
    return readout.offset + means @ readout.matrix.T


def _string(piece: Piece, row: npt.NDArray[np.float64], label: str) -> float:
    """The mean parity of the qubits of a piece that a string reads."""
    (component,) = piece.components
    bits = [piece.wires[k] for k, qubit in enumerate(component.qubits) if label[-1 - qubit] != "I"]
    if not bits:
        return 1.0
    values = piece.angles(row[None, list(component.angles)])[0]
    circuit = piece.circuit.assign_parameters(dict(zip(piece.parameters, values, strict=True)))
    circuit.save_density_matrix()
    simulator = AerSimulator(method="density_matrix", noise_model=piece.noise_model)
    state = DensityMatrix(np.asarray(simulator.run(circuit).result().data(0)["density_matrix"]))
    for qubit in bits:
        error = piece.noise_model._local_quantum_errors.get("measure", {}).get((qubit,))
        if error is not None:
            state = state.evolve(SuperOp(error), [qubit])
    probabilities = np.asarray(state.probabilities(bits))  # the first bit least significant
    return float(probabilities @ functools.reduce(np.kron, [_means(piece, q) for q in reversed(bits)]))


def _means(piece: Piece, qubit: int) -> Sequence[float]:
    """The mean outcome of reading a qubit that is 0, and that is 1."""
    model = piece.noise_model
    error = model._local_readout_errors.get((qubit,)) or model._default_readout_error
    table = np.eye(2) if error is None else np.asarray(error.probabilities)
    return table @ np.array([1.0, -1.0])
