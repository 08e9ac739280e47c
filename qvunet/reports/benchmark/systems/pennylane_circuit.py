"""Our circuits as PennyLane QNodes."""

from __future__ import annotations

from typing import Any

import pennylane as qml

from qvunet.ansatz import Ansatz
from qvunet.reports.benchmark.problem import gates

OPERATIONS = {"rx": qml.RX, "ry": qml.RY, "rz": qml.RZ, "crx": qml.CRX, "crz": qml.CRZ, "cx": qml.CNOT}


def qnode(ansatz: Ansatz, device: Any, **options: Any) -> Any:
    """(..., n) inputs and (num_weights,) to the list of <Z_i>; `options` are those of `qml.qnode`."""
    operations = gates(ansatz.circuit)

    @qml.qnode(device, **options)
    def circuit(inputs: Any, weights: Any) -> list[Any]:
        for gate in operations:
            OPERATIONS[gate.name](*gate.angles(inputs, weights), wires=gate.qubits)
        return [qml.expval(qml.Z(wire)) for wire in range(ansatz.num_qubits)]

    return circuit
