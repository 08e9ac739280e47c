"""Circuits of one's own as files, so that a trained network needs not the function that made its circuit.

A record is plain values for JSON: the name, the circuit in Qiskit's QPY, and what an `Ansatz` has beside it,
with parameters by name. A network's `config.json` holds it whole; a run's `circuit/` holds the QPY in a file
of its own, which any Qiskit reads. No pickle is involved; SECURITY.md says what reading QPY does.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from backends.circuits.expressions import name_angles
from backends.circuits.observables import read_observables
from backends.circuits.program import Ansatz as AnyAnsatz
from backends.circuits.program import Fixed, Operation, program_from_circuit
from backends.circuits.stored import from_qpy, to_qpy
from backends.errors import UserError
from qvunet.ansatz.base import Ansatz
from qvunet.ansatz.registry import ANSATZES, make_ansatz
from qvunet.tools.files import replacing
from qvunet.tools.kept_circuits import ANSATZ_FILE, QPY_FILE, read_kept_facts

Record = dict[str, Any]
"""A kept circuit as plain values."""


def is_kept(name: str | None) -> bool:
    """Whether a network of this `ansatz` keeps its circuit: it does where the package cannot make it."""
    return name is not None and name not in ANSATZES


def find_ansatz(name: str, num_layers: int, kept: Record | None) -> Ansatz:
    """The circuit of a network: the kept one, or else what its name stands for.

    Args:
        name: as in `make_ansatz`.
        num_layers: of the circuit, if it has to be made.
        kept: its record.

    Raises:
        UserError: as `from_record` and `make_ansatz`.
    """
    return make_ansatz(name, num_layers=num_layers) if kept is None else from_record(kept)


def as_record(ansatz: Ansatz) -> Record:
    """Write a circuit as plain values.

    Raises:
        UserError: if Qiskit cannot store one of its instructions.
    """
    circuit = ansatz.circuit.copy()
    circuit.metadata = {}  # of any type, and no part of what is computed
    return {
        "name": ansatz.name,
        "inputs": [parameter.name for parameter in ansatz.inputs],
        "weights": [parameter.name for parameter in ansatz.weights],
        "observables": [_terms(observable) for observable in ansatz.observables],
        "qpy": base64.b64encode(_dump(circuit, ansatz.name)).decode("ascii"),
    }


def from_record(record: Record, where: str = "circuit") -> Ansatz:
    """Read what `as_record` wrote.

    Args:
        record: the plain values.
        where: what errors name.

    Raises:
        UserError: if it is damaged, or of a version of QPY that this Qiskit does not read.
    """
    try:
        circuit = from_qpy(base64.b64decode(record["qpy"]))
        known = {parameter.name: parameter for parameter in circuit.parameters}
        inputs, weights = (
            # One that the circuit never reads is in no file but by its name.
            [known.get(name) or Parameter(name) for name in record[key]]
            for key in ("inputs", "weights")
        )
        observables = [
            SparsePauliOp.from_sparse_list([tuple(term) for term in terms], circuit.num_qubits)
            for terms in record["observables"]
        ]
        return Ansatz(record["name"], circuit, inputs, weights, observables)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    except Exception as error:  # whatever Qiskit makes of bytes that it did not write
        raise UserError(f"{where}: damaged ({type(error).__name__}: {error})") from None


def write_kept(folder: Path, record: Record) -> None:
    """Write the two files of a record's folder, which appears whole."""
    facts = {key: value for key, value in record.items() if key != "qpy"}
    with replacing(folder) as temporary:
        temporary.mkdir()
        (temporary / QPY_FILE).write_bytes(base64.b64decode(record["qpy"]))
        (temporary / ANSATZ_FILE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def read_kept(folder: Path) -> Record:
    """The record of a folder that `write_kept` wrote; `from_record` says whether it is one.

    Raises:
        UserError: if a file is missing, or the JSON damaged.
    """
    file = folder / QPY_FILE
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: missing or damaged ({error})") from None
    return {**read_kept_facts(folder), "qpy": base64.b64encode(data).decode("ascii")}


def same_circuit(one: AnyAnsatz, other: AnyAnsatz) -> bool:
    """Whether two circuits have the same operations, in the same parameters, and the same observables.

    Names do not count, nor how gates are grouped into blocks.

    Raises:
        UserError: if one of them is none that a backend can read.
    """
    (shape, numbers), (other_shape, other_numbers) = _content(one), _content(other)
    return shape == other_shape and np.allclose(numbers, other_numbers, rtol=0, atol=1e-9)


def _terms(observable: SparsePauliOp) -> list[list[Any]]:
    """Letters, qubits and real coefficient of each term; a layer refuses what is not real."""
    return [[letters, list(qubits), float(np.real(c))] for letters, qubits, c in observable.to_sparse_list()]


def _dump(circuit: QuantumCircuit, name: str) -> bytes:
    try:
        return to_qpy(circuit)
    except Exception as error:  # a circuit may hold anything
        raise UserError(
            f"ansatz = {name!r}: Qiskit cannot store its circuit ({type(error).__name__}: {error}), which a "
            "trained network keeps"
        ) from None


def _content(ansatz: AnyAnsatz) -> tuple[list[Any], npt.NDArray[np.complex128]]:
    """What must be equal, and the numbers that must be close."""
    named = name_angles(ansatz)
    program = program_from_circuit(named.circuit, named.inputs, named.weights)
    readout = read_observables(ansatz.observables, program.num_qubits)
    values = {parameter: np.sin(k + 1.0) for k, parameter in enumerate([*ansatz.inputs, *ansatz.weights])}
    expressions = [*named.of_inputs, *named.of_weights]
    shape = [
        program.num_qubits,
        len(ansatz.inputs),
        len(ansatz.weights),
        len(expressions),
        readout.terms,
        len(readout.offset),
        *map(_structure, program.operations),
    ]
    matrices = [each.matrix for each in program.operations if isinstance(each, Fixed)]
    angles = program.angles
    maps = [angles.inputs_matrix, angles.weights_matrix, angles.offset, readout.matrix, readout.offset]
    at_a_point = np.array([complex(e.bind({p: values[p] for p in e.parameters})) for e in expressions])
    return shape, np.concatenate([np.ravel(each) for each in (*matrices, *maps, at_a_point)])


def _structure(operation: Operation) -> Any:
    return operation.qubits if isinstance(operation, Fixed) else operation
