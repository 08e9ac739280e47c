"""What our own estimators share: reading PUBs, and putting a circuit's independent parts together."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseEstimatorV2, DataBin, PrimitiveJob, PrimitiveResult, PubResult
from qiskit.primitives.containers import EstimatorPubLike
from qiskit.primitives.containers.estimator_pub import EstimatorPub

from backends.circuits.structure import Component

Array = npt.NDArray[np.float64]


def precision_from_shots(shots: int | None) -> float:
    """The standard error to ask an estimator for; 0 asks for exact values."""
    return 0.0 if shots is None else 1 / math.sqrt(shots)


def shots_from_precision(precision: float) -> int:
    """The inverse: enough shots for a standard error, whatever the observable.

    Args:
        precision: above 0.
    """
    return math.ceil(round(1 / precision**2, 6))  # rounding first: 1/sqrt(1000) squared is not quite 1/1000


class PauliEstimator(BaseEstimatorV2, ABC):
    """An estimator whose subclasses only measure Pauli strings on rows of parameter values."""

    def run(
        self, pubs: Iterable[EstimatorPubLike], *, precision: float | None = None
    ) -> PrimitiveJob[PrimitiveResult[PubResult]]:
        """Submit PUBs; see `qiskit.primitives.BaseEstimatorV2`."""
        job: PrimitiveJob = PrimitiveJob(self._run, [EstimatorPub.coerce(pub, precision) for pub in pubs])
        job._submit()
        return job

    @abstractmethod
    def shots(self, precision: float | None) -> int | None:
        """Shots for a requested precision; None if values are exact."""

    @abstractmethod
    def measure(
        self, circuit: QuantumCircuit, rows: Array, paulis: Sequence[str], shots: int | None
    ) -> Array:
        """Expectations, (num_paulis, R).

        Args:
            circuit: with free parameters.
            rows: their values, (R, num_parameters) in the order of `circuit.parameters`.
            paulis: labels, qubit 0 last.
            shots: for each row; None if values are exact.
        """

    def _run(self, pubs: Sequence[EstimatorPub]) -> PrimitiveResult[PubResult]:
        return PrimitiveResult([self._run_pub(pub) for pub in pubs], metadata={"version": 2})

    def _run_pub(self, pub: EstimatorPub) -> PubResult:
        values = pub.parameter_values.as_array(pub.circuit.parameters)
        rows = values.reshape(math.prod(values.shape[:-1]), values.shape[-1])
        row_of = np.broadcast_to(np.arange(len(rows)).reshape(values.shape[:-1]), pub.shape)
        array = np.array(pub.observables.tolist(), dtype=object)
        distinct = {str(observable): observable for observable in array.flat}
        index = {name: k for k, name in enumerate(distinct)}
        names = np.array([index[str(observable)] for observable in array.flat]).reshape(array.shape)
        observable_of = np.broadcast_to(names, pub.shape)

        paulis = sorted({label for observable in distinct.values() for label in observable})
        terms = np.array([[o.get(label, 0.0) for label in paulis] for o in distinct.values()]).real
        shots = self.shots(pub.precision)
        means = np.ones((len(paulis), len(rows)))  # of the identity, which nobody has to measure
        measured = [k for k, label in enumerate(paulis) if label.strip("I")]
        if measured:
            means[measured] = self.measure(pub.circuit, rows, [paulis[k] for k in measured], shots)
        # Values that were mitigated, or drawn otherwise than from counts, may leave [-1, 1].
        variances = np.zeros_like(means) if shots is None else (1 - means**2).clip(min=0) / shots
        evs, stds = terms @ means, np.sqrt(terms**2 @ variances)
        where = observable_of, row_of
        return PubResult(
            DataBin(evs=evs[where], stds=stds[where], shape=pub.shape), metadata={"shots": shots}
        )


def by_components(
    paulis: Sequence[str],
    classes: Iterable[Sequence[Component]],
    measure: Callable[[Sequence[Component], Sequence[str]], Array],
) -> Array:
    """Expectations of a circuit from those of its independent parts, which multiply.

    Args:
        paulis: labels on all qubits.
        classes: components, those that are measured together in one sequence.
        measure: gives (num_paulis, components, R) for components and labels on their qubits.

    Returns:
        (num_paulis, R), or (num_paulis, 1) if all are identities.
    """
    factors: dict[int, list[Array]] = {k: [] for k in range(len(paulis))}
    for components in classes:
        parts = [[_restrict(label, component.qubits) for component in components] for label in paulis]
        wanted = sorted({part for row in parts for part in row if part.strip("I")})
        if not wanted:
            continue
        values = measure(components, wanted)
        for k, row in enumerate(parts):
            factors[k] += [values[wanted.index(part), c] for c, part in enumerate(row) if part.strip("I")]
    products = [np.prod(f, axis=0) if f else np.ones(1) for f in factors.values()]
    return np.stack(np.broadcast_arrays(*products))


def _restrict(label: str, qubits: Sequence[int]) -> str:
    """The part of a Pauli label (qubit 0 last) on some qubits."""
    return "".join(label[len(label) - 1 - qubit] for qubit in reversed(qubits))
