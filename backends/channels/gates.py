"""The gates and measurements of a compiled circuit as channels, as Qiskit Aer applies a noise model to them.

Aer is asked for the channel of each distinct gate on its own qubits, so that its rules hold (which error
overrides which, what a label means) and are not written a second time. A gate with a free angle is itself,
then what noise adds: noise models know gates by name, whatever their angles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit.circuit import Barrier, Instruction, Parameter, QuantumCircuit
from qiskit.circuit.library import IGate
from qiskit.quantum_info import Choi, DensityMatrix, Operator
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from backends.channels.transfer import Real, constant, of_channel, of_operation, of_unitary
from backends.circuits.program import (
    AffineMap,
    Fixed,
    Program,
    big_endian,
    is_free,
    program_from_circuit,
    without_controls,
)
from backends.devices.noise_file import noise_on
from backends.devices.placement import Piece

PROBE = 0.7
"""Radians at which the noise of a gate with a free angle is looked at; any other would do."""


@dataclass(frozen=True, eq=False)
class Gate:
    """A channel of at most one angle.

    Attributes:
        qubits: what it acts on.
        terms: (3, 4^k, 4^k), see `transfer.of_rotation`.
        angle: which of the circuit's angles; None for a constant.
    """

    qubits: tuple[int, ...]
    terms: Real
    angle: int | None = None


def read_gates(piece: Piece) -> tuple[list[Gate], AffineMap]:
    """A compiled circuit as channels.

    Args:
        piece: with a noise model.

    Returns:
        The channels, first applied first, and their angles as a function of the piece's parameters.
    """
    qubits = {qubit: k for k, qubit in enumerate(piece.circuit.qubits)}
    items = [
        (item.operation, tuple(qubits[qubit] for qubit in item.qubits))
        for item in piece.circuit.data
        if not isinstance(item.operation, Barrier)
    ]
    known = noisy_channels(piece.noise_model, [(_bound(gate), where) for gate, where in items], len(qubits))
    gates: list[Gate] = []
    maps: list[AffineMap] = []
    for (gate, where), channel in zip(items, known, strict=True):
        if not _is_free(gate):
            gates.append(Gate(where, constant(channel)))
            continue
        program = _alone(gate, piece.parameters)
        for operation in program.operations:
            turned = tuple(where[qubit] for qubit in operation.qubits)
            angle = None if isinstance(operation, Fixed) else len(maps) + operation.angle
            gates.append(Gate(turned, of_operation(operation), angle))
        maps += [program.angles.take([row]) for row in range(program.num_angles)]
        ideal = of_unitary(big_endian(Operator(_bound(gate)).data))
        noise = channel @ ideal.T  # transfer matrices of unitaries are orthogonal
        if not np.allclose(noise, np.eye(len(noise)), rtol=0, atol=1e-14):
            gates.append(Gate(where, constant(noise)))
    return gates, _joined(maps, len(piece.parameters))


def noisy_channels(
    model: NoiseModel, items: Sequence[tuple[Instruction, tuple[int, ...]]], num_qubits: int
) -> list[Real]:
    """The transfer matrices of bound gates, each on some qubits of a noise model.

    A gate acts on halves of entangled pairs, whose state then says what it does (Choi's).

    Args:
        model: of Aer, on `num_qubits` qubits.
        items: gates, and what they act on.
        num_qubits: see `model`.

    Raises:
        RuntimeError: if Aer fails.
    """
    keys = [(gate.name, gate.label, where, *map(_hashable, gate.params)) for gate, where in items]
    distinct = dict(zip(keys, items, strict=True))
    circuits = [_on_pairs(gate, where, num_qubits) for gate, where in distinct.values()]
    simulator = AerSimulator(method="density_matrix", noise_model=model)
    result = simulator.run(circuits).result()
    if not result.success:
        raise RuntimeError(f"Aer failed: {result.status}")
    found = {}
    for k, (key, (_, where)) in enumerate(distinct.items()):
        state = np.asarray(result.data(k)["density_matrix"])
        found[key] = of_channel(Choi(state * 2 ** len(where)))
    return [found[key] for key in keys]


def reading(model: NoiseModel, qubit: int) -> Real:
    """The mean of a measurement's outcome, 1 for 0 and -1 for 1, as a vector (4,) on the qubit's state.

    Errors of the measurement as a gate come before it, those of the readout after it.
    """
    errors = model.to_dict(serializable=True)["errors"]
    measuring = [error for error in errors if "measure" in error["operations"]]
    as_gate = [{**error, "operations": ["id"]} for error in measuring if error["type"] == "qerror"]
    (before,) = noisy_channels(noise_on(as_gate, [qubit]), [(IGate(), (0,))], 1)
    wrong_0, wrong_1 = _readout_errors(measuring, qubit)
    return np.array([wrong_1 - wrong_0, 0.0, 0.0, 1.0 - wrong_0 - wrong_1]) @ before


def _readout_errors(errors: Sequence[dict[str, Any]], qubit: int) -> tuple[float, float]:
    """How often a qubit is read as 1 where it is 0, and as 0 where it is 1."""
    kept = [error for error in errors if error["type"] == "roerror"]
    own = [error for error in kept if [qubit] in [[*where] for where in error.get("gate_qubits", [])]]
    of_all = [error for error in kept if "gate_qubits" not in error]
    for error in own or of_all:  # Aer takes the error of all qubits only where a qubit has none of its own
        (_, wrong_0), (wrong_1, _) = error["probabilities"]
        return float(wrong_0), float(wrong_1)
    return 0.0, 0.0


def _is_free(gate: Instruction) -> bool:
    return any(is_free(value) for value in gate.params)


def _bound(gate: Instruction) -> Instruction:
    if not _is_free(gate):
        return gate
    bound = gate.to_mutable()
    bound.params = [PROBE] * len(gate.params)
    return bound


def _on_pairs(gate: Instruction, where: tuple[int, ...], num_qubits: int) -> QuantumCircuit:
    """A gate on qubits that are entangled with one more each."""
    partners = range(num_qubits, num_qubits + len(where))
    pairs = QuantumCircuit(num_qubits + len(where))
    for qubit, partner in zip(where, partners, strict=True):
        pairs.h(qubit)
        pairs.cx(qubit, partner)
    circuit = QuantumCircuit(pairs.num_qubits)
    circuit.set_density_matrix(DensityMatrix(pairs))
    circuit.append(gate, where)
    circuit.save_density_matrix([*where, *partners])
    return circuit


def _alone(gate: Instruction, parameters: Sequence[Parameter]) -> Program:
    """A gate as Pauli rotations on its own qubits."""
    circuit = QuantumCircuit(gate.num_qubits)
    circuit.append(gate, range(gate.num_qubits))
    return without_controls(program_from_circuit(circuit, parameters))


def _joined(maps: Sequence[AffineMap], num_parameters: int) -> AffineMap:
    rows = [np.zeros((0, num_parameters)), *(each.inputs_matrix for each in maps)]
    return AffineMap(
        np.concatenate(rows), np.zeros((len(maps), 0)), np.array([each.offset[0] for each in maps])
    )


def _hashable(value: object) -> object:
    return value.tobytes() if isinstance(value, np.ndarray) else value
