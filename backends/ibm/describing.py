"""What is kept of a job's circuit, layout, calibration and options, so that others can check it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime.executor_estimator.finalize_options import finalize_estimator_options
from qiskit_ibm_runtime.options_models.estimator import EstimatorOptions

from backends.circuits.stored import to_qpy
from backends.devices.calibration import calibrated_at
from backends.records.sent import Sent

_OF_A_JOB = {"environment", "simulator", "max_execution_time"}
"""Options that say how one job is carried out, not what is measured."""


def describe(
    circuit: QuantumCircuit,
    observables: Iterable[SparsePauliOp],
    chip_qubits: Sequence[int],
    device: BackendV2,
    options: EstimatorOptions,
) -> Sent:
    """Describe what is about to be submitted.

    Args:
        circuit: compiled, with its layout.
        observables: on the circuit's qubits.
        chip_qubits: where each of these is on the chip.
        device: the whole chip.
        options: of the runtime's estimator.
    """
    layout = circuit.layout
    starts = layout.initial_index_layout(filter_ancillas=True)
    ends = layout.final_index_layout(filter_ancillas=True)
    facts = {
        "observables": [operator.to_sparse_list() for operator in observables],
        "chip_qubits": list(chip_qubits),
        "layout": {
            "initial": [chip_qubits[qubit] for qubit in starts],
            "final": [chip_qubits[qubit] for qubit in ends],
        },
        "calibration": _calibration(circuit, ends, chip_qubits, device),
        "options": finalize_estimator_options(options).model_dump(mode="json", exclude=_OF_A_JOB),
    }
    return Sent(to_qpy(circuit), json.dumps(facts, default=_plain).encode())


def _calibration(
    circuit: QuantumCircuit, measured: Iterable[int], chip_qubits: Sequence[int], device: BackendV2
) -> dict[str, Any]:
    """What the device reports of the qubits and couplings that a circuit uses."""
    places = {tuple(circuit.find_bit(q).index for q in item.qubits) for item in circuit.data}
    places = {place for place in places if len(place) <= 2} | {(qubit,) for qubit in measured}  # no barriers
    used = {tuple(sorted(chip_qubits[q] for q in place)) for place in places}
    qubits = sorted({qubit for place in used for qubit in place})
    properties = device.properties() if hasattr(device, "properties") else None
    known = {"qubits": [], "gates": []} if properties is None else properties.to_dict()
    return {
        "device": device.name,
        "calibrated_at": calibrated_at(device),
        "qubits": {qubit: known["qubits"][qubit] for qubit in qubits if qubit < len(known["qubits"])},
        "gates": [
            gate
            for gate in known["gates"]
            if tuple(sorted(gate["qubits"])) in used
            or (len(gate["qubits"]) == 1 and gate["qubits"][0] in qubits)
        ],
    }


def _plain(value: Any) -> Any:
    """Complex coefficients, which are real, and dates, as JSON knows them."""
    return value.real if isinstance(value, complex) else value.isoformat()
