"""What a device's calibration says: when it was made, and how often a circuit would run without an error."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.transpiler import Target


def calibrated_at(device: BackendV2) -> str | None:
    """When a device was last calibrated, in ISO 8601; None if it does not say."""
    properties = device.properties() if hasattr(device, "properties") else None
    date = getattr(properties, "last_update_date", None)
    return None if date is None else date.isoformat()


def success_probability(circuit: QuantumCircuit, target: Target, measured: Sequence[int]) -> float:
    """Estimated probability that nothing goes wrong: the product of 1 - error over gates and readouts.

    Decoherence of idle qubits and crosstalk are not in it. Where a target gives no error, none is assumed.

    Args:
        circuit: compiled for the target, on its qubits.
        target: with its error rates.
        measured: qubits that are read out.
    """
    qubits = {qubit: k for k, qubit in enumerate(circuit.qubits)}
    gates = [(item.operation.name, tuple(qubits[q] for q in item.qubits)) for item in circuit.data]
    readouts = [("measure", (qubit,)) for qubit in measured]
    return math.prod(1 - _error(target, name, where) for name, where in gates + readouts)


def _error(target: Target, name: str, qubits: tuple[int, ...]) -> float:
    if name not in target.operation_names:
        return 0.0
    properties = (target[name] or {}).get(qubits)
    return min(1.0, getattr(properties, "error", None) or 0.0)
