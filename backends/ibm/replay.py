"""A command's requests answered from stored jobs alone, and compared with what was submitted."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from backends.circuits.program import Ansatz, program_from_circuit
from backends.circuits.stored import from_qpy
from backends.circuits.structure import components
from backends.errors import ExecutionError
from backends.exact.executor import ExactCircuit
from backends.ibm.jobs import Request
from backends.records.journal import Journal, Record

Array = npt.NDArray[np.float64]
Exact = Callable[[Array], Array]

MAX_EXACT_QUBITS = 20
"""Coupled qubits beyond which exact expectations would take minutes; several tiles may be routed together."""


class Replay:
    """Stands in the place of a `jobs.JobRunner`: nothing is submitted, nobody is asked.

    Args:
        journal: with the jobs that answer.

    Attributes:
        angle: the largest difference so far between a parameter asked for and the stored one, radians.
        value: that between exact expectations of the network's circuits and of those that were submitted,
            at the stored parameter values of each; rounding alone if the device was asked what the network
            asks.
        uncompared: answers whose circuits are too large for that.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.angle = self.value = 0.0
        self.uncompared = 0
        self._exact: dict[str, Exact | None] = {}

    def run(self, requests: Sequence[Request]) -> list[tuple[Array, Array]]:
        """Values and standard errors of each request, (num_observables, rows) each.

        Raises:
            ExecutionError: if no stored job answers one.
            UserError: if this Qiskit cannot read a circuit.
            ValueError: if what was sent with a job is damaged.
        """
        return [self._answer(request) for request in requests]

    def close(self) -> None:
        """Nothing was opened."""

    def _answer(self, request: Request) -> tuple[Array, Array]:
        record = self.journal.find(request.step, request.index, request.digest, request.parameters)
        if record is None:
            raise ExecutionError(
                f"the network asks in step {request.step} what no stored job answers (job {request.index})"
            )
        self.angle = max(
            self.angle, _difference(self.journal.arrays(record)["parameters"], request.parameters)
        )
        self._compare(request, record)
        return self.journal.answer(record)

    def _compare(self, request: Request, record: Record) -> None:
        arrays, sent = self.journal.arrays(record), self.journal.sent(record)
        if request.digest not in self._exact:
            asked = [SparsePauliOp(label) for label in request.paulis]
            self._exact[request.digest] = _exact(request.circuit, asked)
        if record.sent not in self._exact:
            circuit = from_qpy(sent.qpy)
            self._exact[record.sent] = _exact(circuit, _observables(sent.facts, circuit.num_qubits))
        network, device = self._exact[request.digest], self._exact[record.sent]
        if network is None or device is None:
            self.uncompared += 1
        else:
            difference = _difference(network(arrays["parameters"]), device(arrays["submitted"]))
            self.value = max(self.value, difference)


def _observables(facts: bytes, num_qubits: int) -> list[SparsePauliOp]:
    lists = json.loads(facts)["observables"]
    return [SparsePauliOp.from_sparse_list([tuple(term) for term in terms], num_qubits) for terms in lists]


def _exact(circuit: QuantumCircuit, observables: list[SparsePauliOp]) -> Exact | None:
    """Exact expectations (num_observables, rows) of parameter values (rows, num_parameters)."""
    program = program_from_circuit(circuit, circuit.parameters)
    if max(len(part.qubits) for part in components(program)) > MAX_EXACT_QUBITS:
        return None
    ansatz = SimpleNamespace(
        name=circuit.name,
        circuit=circuit,
        inputs=list(circuit.parameters),
        weights=[],
        observables=observables,
    )
    compiled = ExactCircuit(cast(Ansatz, ansatz))

    def expectations(rows: Array) -> Array:
        values = compiled(torch.from_numpy(rows)[None], torch.zeros(1, 0, dtype=torch.float64))
        return values[0].T.numpy()

    return expectations


def _difference(one: Array, other: Array) -> float:
    return float(np.abs(one - other).max(initial=0.0))
