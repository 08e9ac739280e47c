"""The basic entangler: rotations and a ring of CNOTs (De Falco et al., section 3)."""

from __future__ import annotations

from qiskit.circuit import ParameterVector, QuantumCircuit

from qvunet.ansatz.base import Ansatz, layered, require_at_least


def basic_entangler(num_qubits: int = 4, num_layers: int = 4) -> Ansatz:
    """Basic entangler: Rx(w_i) on each qubit, then CNOT i -> (i + 1) mod n.

    Args:
        num_qubits: at least 2.
        num_layers: repetitions of the layer, at least 1; `num_qubits` weights each.

    Raises:
        UserError: if an argument is below its minimum.
    """
    require_at_least("num_qubits", num_qubits, 2)

    def layer(circuit: QuantumCircuit, angles: ParameterVector) -> None:
        for qubit, angle in enumerate(angles):
            circuit.rx(angle, qubit)
        for qubit in range(num_qubits):
            circuit.cx(qubit, (qubit + 1) % num_qubits)

    return layered("basic_entangler", num_qubits, num_layers, num_qubits, layer)
