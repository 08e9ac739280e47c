"""`aer_statevector`: Qiskit Aer without noise, differentiated by the parameter-shift rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseEstimatorV2, DataBin, PrimitiveJob, PrimitiveResult, PubResult
from qiskit.primitives.containers import EstimatorPubLike
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.quantum_info import Pauli
from qiskit_aer import AerSimulator

from .emit import circuit_from_operations
from .estimators import EstimatorBackend
from .program import program_from_circuit, without_controls
from .structure import Component, classes

Array = npt.NDArray[np.float64]


class AerStatevectorBackend(EstimatorBackend):
    """Exact expectations from Aer's state vector."""

    name = "aer_statevector"

    def estimator(self) -> BaseEstimatorV2:
        """An estimator of its own, since Aer's binds controlled rotations wrongly."""
        return AerExactEstimator(self.options.threads)


class AerExactEstimator(BaseEstimatorV2):
    """Exact expectation values from one Aer run a PUB.

    Parameters are bound inside Aer, after every controlled rotation has been rewritten as Pauli
    rotations: for controlled ones Aer would silently ignore the values. Values are exact; a requested
    precision is ignored.

    Args:
        threads: CPU threads of Aer; None takes as many as torch.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.simulator = AerSimulator(
            method="statevector",
            runtime_parameter_bind_enable=True,
            max_parallel_threads=threads or torch.get_num_threads(),
            max_parallel_experiments=0,
        )

    def run(
        self, pubs: Iterable[EstimatorPubLike], *, precision: float | None = None
    ) -> PrimitiveJob[PrimitiveResult[PubResult]]:
        """Submit PUBs; see `qiskit.primitives.BaseEstimatorV2`."""
        coerced = [EstimatorPub.coerce(pub, precision) for pub in pubs]
        job: Any = PrimitiveJob(self._run, coerced)
        job._submit()
        return job

    def _run(self, pubs: Sequence[EstimatorPub]) -> PrimitiveResult[PubResult]:
        return PrimitiveResult([self._run_pub(pub) for pub in pubs], metadata={"version": 2})

    def _run_pub(self, pub: EstimatorPub) -> PubResult:
        values = pub.parameter_values.as_array(pub.circuit.parameters)
        rows = values.reshape(-1, values.shape[-1])
        row_of = np.broadcast_to(np.arange(len(rows)).reshape(values.shape[:-1]), pub.shape)
        array = np.array(pub.observables.tolist(), dtype=object)
        distinct = {str(observable): observable for observable in array.flat}
        index = {name: k for k, name in enumerate(distinct)}
        names = np.array([index[str(observable)] for observable in array.flat]).reshape(array.shape)
        observable_of = np.broadcast_to(names, pub.shape)
        evs = self._expectations(pub.circuit, rows, list(distinct.values()))[observable_of, row_of]
        return PubResult(DataBin(evs=evs, stds=np.zeros_like(evs), shape=pub.shape))

    def _expectations(
        self, circuit: QuantumCircuit, rows: Array, observables: Sequence[Mapping[str, float]]
    ) -> Array:
        """(num_observables, rows): each observable is a sum of Pauli labels."""
        program = without_controls(program_from_circuit(circuit, circuit.parameters))
        angles = program.angles(rows, np.zeros(0))
        labels = sorted({label for observable in observables for label in observable})
        factors = np.ones((len(labels), len(rows)))
        for circuits in classes(program):
            paulis = [[_restrict(label, part.qubits) for part in circuits] for label in labels]
            wanted = sorted({p for row in paulis for p in row} - {"I" * len(circuits[0].qubits)})
            stacked = np.concatenate([angles[:, part.angles] for part in circuits])
            values = dict(zip(wanted, self._simulate(circuits[0], stacked, wanted), strict=True))
            for k, row in enumerate(paulis):
                for c, pauli in enumerate(row):
                    if pauli in values:
                        factors[k] *= values[pauli].reshape(len(circuits), -1)[c]
        terms = np.array([[observable.get(label, 0.0) for label in labels] for observable in observables])
        return terms.real @ factors

    def _simulate(self, component: Component, angles: Array, paulis: Sequence[str]) -> Array:
        """(num_paulis, rows) from one Aer run."""
        num_qubits = len(component.qubits)
        circuit, parameters = circuit_from_operations(component.operations, num_qubits, len(component.angles))
        for pauli in paulis:
            circuit.save_expectation_value(Pauli(pauli), range(num_qubits), label=pauli)
        binds = [dict(zip(parameters, angles.T, strict=True))] if len(parameters) else None
        result = self.simulator.run(circuit, parameter_binds=binds).result()
        if not result.success:
            raise RuntimeError(f"Aer failed: {result.status}")
        values = [[data.data.to_dict()[p] for p in paulis] for data in result.results]
        return np.broadcast_to(np.array(values).T, (len(paulis), len(angles)))


def _restrict(label: str, qubits: Sequence[int]) -> str:
    """The part of a Pauli label (qubit 0 last) on some qubits."""
    return "".join(label[len(label) - 1 - qubit] for qubit in reversed(qubits))
