"""`aer_statevector`: Qiskit Aer without noise, exact expectations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseEstimatorV2
from qiskit.quantum_info import Pauli

from backends.aer.simulator import make_simulator, row_probabilities, run_rows
from backends.circuits.emission import circuit_from_operations
from backends.circuits.program import program_from_circuit, without_controls
from backends.circuits.structure import Component, classes
from backends.exact.paulis import z_signs
from backends.primitives.backend import EstimatorBackend
from backends.primitives.pubs import PauliEstimator, by_components

Array = npt.NDArray[np.float64]


class AerStatevectorBackend(EstimatorBackend):
    """Exact expectations from Aer's state vector."""

    name = "aer_statevector"

    def estimator(self) -> BaseEstimatorV2:
        """An estimator of its own, since Aer's binds controlled rotations wrongly."""
        return AerExactEstimator(self.options.threads)


class AerExactEstimator(PauliEstimator):
    """Exact expectation values from one Aer run a PUB; a requested precision is ignored.

    Args:
        threads: CPU threads of Aer; None takes as many as torch.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.simulator = make_simulator("statevector", threads)

    def shots(self, precision: float | None) -> None:
        """None: values are exact."""
        return None

    def measure(
        self, circuit: QuantumCircuit, rows: Array, paulis: Sequence[str], shots: int | None = None
    ) -> Array:
        """Exact expectations; see `PauliEstimator.measure`."""
        # Parameters are bound inside Aer, which silently ignores those of controlled rotations.
        program = without_controls(program_from_circuit(circuit, circuit.parameters))
        angles = program.angles(rows, np.zeros(0))

        def simulate(components: Sequence[Component], wanted: Sequence[str]) -> Array:
            stacked = np.concatenate([angles[:, part.angles] for part in components])
            return self._simulate(components[0], stacked, wanted).reshape(len(wanted), len(components), -1)

        values = by_components(paulis, classes(program), simulate)
        return np.broadcast_to(values, (len(paulis), len(rows)))

    def _simulate(self, component: Component, angles: Array, paulis: Sequence[str]) -> Array:
        """(num_paulis, rows) from one Aer run."""
        num_qubits = len(component.qubits)
        circuit, parameters = circuit_from_operations(
            component.operations, num_qubits, len(component.angles), keep_gates=False
        )
        if any(set(pauli) - {"I", "Z"} for pauli in paulis):
            for pauli in paulis:
                circuit.save_expectation_value(Pauli(pauli), range(num_qubits), label=pauli)
            result = run_rows(self.simulator, circuit, parameters, angles)
            return np.array([[data.data.to_dict()[p] for p in paulis] for data in result.results]).T
        # Aer passes over the state once for each expectation value, but only once for all probabilities.
        signs = np.array([z_signs(pauli) for pauli in paulis])
        found = row_probabilities(self.simulator, circuit, parameters, angles)
        return np.concatenate([signs @ probabilities.T for probabilities in found], axis=1)
