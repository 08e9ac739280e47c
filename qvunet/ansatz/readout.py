"""What is read of a circuit beside the Z of its qubits."""

from __future__ import annotations

from dataclasses import replace

from qiskit.quantum_info import SparsePauliOp

from backends.errors import UserError
from qvunet.ansatz.base import Ansatz

READOUTS = ("z", "zz")
"""Z of every qubit; and also ZZ of every two qubits that a gate joins."""


def with_readout(ansatz: Ansatz, readout: str) -> Ansatz:
    """An ansatz with its observables, or more.

    Args:
        ansatz: whose observables are the Z of its qubits.
        readout: one of `READOUTS`.

    Raises:
        UserError: if there is no such readout.
    """
    if readout not in READOUTS:
        raise UserError(f"readout = {readout!r}: allowed are {', '.join(READOUTS)}")
    if readout == "z":
        return ansatz
    n = ansatz.num_qubits
    products = [
        SparsePauliOp.from_sparse_list([("ZZ", list(pair), 1.0)], n) for pair in joined_qubits(ansatz)
    ]
    return replace(ansatz, observables=[*ansatz.observables, *products])


def joined_qubits(ansatz: Ansatz) -> list[tuple[int, int]]:
    """Pairs of qubits that a gate acts on together, ascending, each once."""
    circuit = ansatz.circuit
    gates = (sorted(circuit.find_bit(qubit).index for qubit in item.qubits) for item in circuit.data)
    return sorted({(qubits[0], qubits[1]) for qubits in gates if len(qubits) == 2})
