"""Short names for circuits and questions about them, the same in every process."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit


def fingerprint(*parts: Any) -> str:
    """Sixteen hexadecimal digits that stand for some values."""
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


def gate_list(circuit: QuantumCircuit) -> list[Any]:
    """A circuit as plain values: each gate's name, qubits and parameters."""
    return [
        (
            item.operation.name,
            [circuit.find_bit(qubit).index for qubit in item.qubits],
            [p.tolist() if isinstance(p, np.ndarray) else p for p in item.operation.params],
        )
        for item in circuit.data
    ]


def circuit_fingerprint(circuit: QuantumCircuit) -> str:
    """A circuit's, whatever values its parameters take."""
    return fingerprint(circuit.num_qubits, gate_list(circuit))
