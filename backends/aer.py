"""`aer_statevector`: Qiskit Aer without noise, exact expectations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.primitives import BaseEstimatorV2
from qiskit.quantum_info import Pauli
from qiskit.result import Result
from qiskit_aer import AerSimulator

from .emit import circuit_from_operations
from .estimators import EstimatorBackend
from .program import program_from_circuit, without_controls
from .pubs import PauliEstimator, by_components
from .structure import Component, classes

Array = npt.NDArray[np.float64]

PROBABILITIES = 2**23
"""Aer hands over the probabilities of as many rows at once as are no more numbers than this: 64 MB."""


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
        circuit.save_probabilities()
        signs = np.array([z_signs(pauli) for pauli in paulis])
        step = max(1, PROBABILITIES >> num_qubits)
        chunks = np.split(angles, range(step, len(angles), step))
        results = (run_rows(self.simulator, circuit, parameters, chunk).results for chunk in chunks)
        return np.concatenate(
            [signs @ np.array([data.data.probabilities for data in found]).T for found in results], axis=1
        )


def z_signs(pauli: str) -> Array:
    """The values of a Pauli string of I and Z in each basis state, (2^n,); its last letter is qubit 0."""
    signs = np.ones(1)
    for letter in pauli:
        signs = np.outer(signs, [1.0, -1.0 if letter == "Z" else 1.0]).ravel()
    return signs


def make_simulator(method: str, threads: int | None, **options: object) -> AerSimulator:
    """An Aer simulator that binds rows of parameters itself and runs them in parallel.

    Args:
        method: Aer's name.
        threads: CPU threads; None takes as many as torch.
        **options: further options of Aer, such as `noise_model`.
    """
    return AerSimulator(
        method=method,
        runtime_parameter_bind_enable=True,
        max_parallel_threads=threads or torch.get_num_threads(),
        max_parallel_experiments=0,
        **options,
    )


def run_rows(
    simulator: AerSimulator,
    circuit: QuantumCircuit,
    parameters: Sequence[Parameter],
    angles: Array,
    **options: object,
) -> Result:
    """Run a circuit once for each row of its parameters, with random numbers of its own for each row.

    Args:
        simulator: from `make_simulator`.
        circuit: no controlled rotations, since Aer would silently ignore their values.
        parameters: the columns of `angles`.
        angles: (R, num_parameters), radians.
        **options: of `AerSimulator.run`.

    Raises:
        RuntimeError: if Aer fails.
    """
    if len(parameters):
        binds = [dict(zip(parameters, angles.T, strict=True))]
        result = simulator.run(circuit, parameter_binds=binds, **options).result()
    else:
        result = simulator.run([circuit] * len(angles), **options).result()
    if not result.success:
        raise RuntimeError(f"Aer failed: {result.status}")
    return result
