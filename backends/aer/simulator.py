"""Aer's simulator, as both of its backends use it: it binds rows of parameters itself, in parallel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.result import Result
from qiskit_aer import AerSimulator

Array = npt.NDArray[np.float64]


PROBABILITIES = 2**23
"""Aer hands over the probabilities of as many rows at once as are no more numbers than this: 64 MB."""


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


def row_probabilities(
    simulator: AerSimulator, circuit: QuantumCircuit, parameters: Sequence[Parameter], angles: Array
) -> Iterator[Array]:
    """The probabilities of all basis states for each row, some rows at a time.

    Args:
        simulator: without noise.
        circuit: as in `run_rows`, without measurements.
        parameters: the columns of `angles`.
        angles: (R, num_parameters), radians.

    Yields:
        (rows, 2^num_qubits).
    """
    saving = circuit.copy()
    saving.save_probabilities()
    step = max(1, PROBABILITIES >> circuit.num_qubits)
    for chunk in np.split(angles, range(step, len(angles), step)):
        results = run_rows(simulator, saving, parameters, chunk).results
        yield np.array([data.data.probabilities for data in results])
