"""Our options as those of the runtime's estimator, and as a fingerprint."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit.circuit import QuantumCircuit
from qiskit_ibm_runtime.options_models.estimator import EstimatorOptions

from backends.circuits.fingerprint import fingerprint, gate_list
from backends.options import IbmRuntimeOptions

_SHAPE_RESULTS = (
    "backend_name",
    "shots",
    "resilience_level",
    "measure_mitigation",
    "twirl_gates",
    "twirl_measure",
    "num_randomizations",
    "dynamical_decoupling",
)
"""Options that change what is measured. Layout and routing do not: a job keeps its worth when the chip has
been calibrated anew and the same circuit would now be laid out otherwise."""


def estimator_options(options: IbmRuntimeOptions) -> EstimatorOptions:
    """What `qiskit_ibm_runtime.executor_estimator.Estimator` takes."""
    made = EstimatorOptions(default_shots=options.shots, resilience_level=options.resilience_level)
    chosen = [
        (made.resilience, "measure_mitigation", options.measure_mitigation),
        (made.twirling, "enable_gates", options.twirl_gates),
        (made.twirling, "enable_measure", options.twirl_measure),
        (made.twirling, "num_randomizations", options.num_randomizations),
    ]
    for section, key, value in chosen:
        if value is not None:  # what is set to None counts as set, and makes the runtime warn
            setattr(section, key, value)
    if options.dynamical_decoupling is not None:
        made.dynamical_decoupling.enable = True
        made.dynamical_decoupling.sequence_type = options.dynamical_decoupling
    return made


def request_digest(circuit: QuantumCircuit, paulis: Sequence[str], options: IbmRuntimeOptions) -> str:
    """Fingerprint of a question but for its parameters, the same in every process."""
    chosen = {key: getattr(options, key) for key in _SHAPE_RESULTS}
    return fingerprint(circuit.num_qubits, gate_list(circuit), list(paulis), chosen)
