"""Taking the gates between two registers apart.

A gate across a bridge is diagonal in some Pauli basis of one of its qubits, so it is a sum over two
branches: a projector there, and on the other side a gate that depends on the branch. One such sum is a
*link*; consecutive gates of one control share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backends.circuits.program import Fixed, Operation, Rotation
from backends.circuits.structure import control_of
from backends.exact.encoding import encoding_phases
from backends.exact.fusion import (
    FusedGate,
    conditional,
    conditional_fixed,
    fixed_gate,
    projectors,
    rotation_gate,
)


def split_gates(
    operations: Sequence[Operation], parts: Sequence[Sequence[int]], width: int
) -> tuple[list[list[FusedGate]], list[int]]:
    """Give every gate to its register, and take the gates between registers apart.

    Consecutive gates with the same control across the same bridge share one link, so that CRZ then CRX
    on a pair double the bond once.

    Returns:
        The gates of each register, beginning with the phases of the encoding, and for each link its bridge.
    """
    where = {qubit: (r, k) for r, part in enumerate(parts) for k, qubit in enumerate(part)}
    gates = [[fixed_gate(Fixed(np.diag(encoding_phases(width)), tuple(range(width))), width)] for _ in parts]
    bridges: list[int] = []
    open_links: dict[int, tuple[int, str, int]] = {}  # bridge -> control qubit, its Pauli basis, link
    for operation in operations:
        owners = {where[qubit][0] for qubit in operation.qubits}
        if len(owners) == 1:
            _close(open_links, operation.qubits)
            gates[owners.pop()].append(_local_gate(operation, where, width))
            continue
        projected, basis = _projected_side(operation)
        control, target = operation.qubits[projected], operation.qubits[1 - projected]
        bridge = min(owners)
        _close(open_links, [target])
        _close(open_links, [control], keep=basis)
        if open_links.get(bridge, ())[:2] != (control, basis):
            open_links[bridge] = (control, basis, len(bridges))
            bridges.append(bridge)
            register, position = where[control]
            gates[register].append(projectors(basis, position, width, open_links[bridge][2]))
        register, position = where[target]
        gates[register].append(
            _conditional_gate(operation, projected, position, width, open_links[bridge][2])
        )
    return gates, bridges


def _close(open_links: dict[int, tuple[int, str, int]], qubits: Sequence[int], keep: str = "") -> None:
    """A gate on its control ends a link, unless it is diagonal in the basis `keep` of that link."""
    for bridge, (control, basis, _) in list(open_links.items()):
        if control in qubits and basis != keep:
            del open_links[bridge]


def _projected_side(operation: Operation) -> tuple[int, str]:
    """Which of a two-qubit gate's qubits is projected, and in which Pauli basis."""
    if isinstance(operation, Rotation):
        return 0, "Z" if operation.controls else operation.pauli[0]
    control = control_of(operation)
    assert control is not None, "structure.registers cuts only controlled gates"
    return control, "Z"


def _local_gate(operation: Operation, where: dict[int, tuple[int, int]], width: int) -> FusedGate:
    if isinstance(operation, Fixed):
        return fixed_gate(replace(operation, qubits=tuple(where[q][1] for q in operation.qubits)), width)
    targets = tuple(where[q][1] for q in operation.targets)
    controls = tuple(where[q][1] for q in operation.controls)
    return rotation_gate(replace(operation, targets=targets, controls=controls), width)


def _conditional_gate(
    operation: Operation, projected: int, position: int, width: int, link: int
) -> FusedGate:
    if isinstance(operation, Rotation):
        return conditional(operation, projected, position, width, link)
    tensor = operation.matrix.reshape(2, 2, 2, 2)  # out0, out1, in0, in1
    control_first = tensor if projected == 0 else tensor.transpose(1, 0, 3, 2)
    return conditional_fixed([control_first[s, :, s] for s in (0, 1)], position, width, link)


def bond_sizes(operations: Sequence[Operation], parts: Sequence[Sequence[int]]) -> list[int]:
    """How many branches there are between each register and the next."""
    _, bridges = split_gates(operations, parts, max(len(part) for part in parts))
    return [2 ** bridges.count(b) for b in range(len(parts) - 1)]
