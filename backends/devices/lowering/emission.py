"""Native gates as a Qiskit circuit with parameters, and the values of these from the program's angles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit.circuit import ParameterVector, QuantumCircuit

from backends.circuits.structure import Component
from backends.devices.device import routed_layout
from backends.devices.lowering.native import Angle, Pair, Single
from backends.devices.lowering.routing import Route
from backends.devices.lowering.single_qubit import Real, is_identity, rz_sx_angles
from backends.devices.lowering.skeleton import Skeleton


@dataclass(frozen=True)
class Part:
    """An independent part of a program in native gates.

    Attributes:
        component: the part.
        skeleton: where the gates' values come from.
        route: on the qubits of the chip.
        gates: likewise.
    """

    component: Component
    skeleton: Skeleton
    route: Route
    gates: Sequence[Single | Pair]

    @property
    def num_parameters(self) -> int:
        """Three for each single-qubit gate that is not constant, one for each fractional RZZ."""
        return 3 * len(self._singles()) + len(self._angles())

    def moves(self) -> dict[int, int]:
        """For each of the chip's qubits where its content ends up."""
        moves, start = self.route.moves(), self.route.start
        return moves | {start[k]: moves[start[wire]] for k, wire in enumerate(self.skeleton.outputs)}

    def append_to(self, circuit: QuantumCircuit, parameters: Sequence[Any]) -> None:
        """Write the gates, a single-qubit one as RZ, SX, RZ, SX, RZ."""
        split = 3 * len(self._singles())
        triples = iter(np.reshape(np.array(parameters[:split], dtype=object), (-1, 3)))
        singles = iter(parameters[split:])
        for gate in self.gates:
            if isinstance(gate, Single):
                _append_single(circuit, gate, triples)
            elif isinstance(gate.gate, Angle):
                circuit.rzz(next(singles), *gate.wires)
            else:
                circuit.append(gate.gate, gate.wires)

    def values(self, angles: Real) -> Real:
        """Values of the parameters.

        Args:
            angles: of the component, (rows, num_angles).

        Returns:
            (rows, num_parameters), radians; those of RZZ are in [0, pi/2].
        """
        values = self.skeleton.evaluate(angles)
        singles = [
            np.broadcast_to(single.matrices(values), (len(angles), 2, 2)) for single in self._singles()
        ]
        columns = [np.clip(angle.of(values), 0.0, np.pi / 2)[:, None] for angle in self._angles()]
        if singles:
            columns.insert(0, rz_sx_angles(np.stack(singles, axis=1)).reshape(len(angles), -1))
        return np.concatenate(columns, axis=1) if columns else np.empty((len(angles), 0))

    def _singles(self) -> list[Single]:
        return [gate for gate in self.gates if isinstance(gate, Single) and not gate.is_constant]

    def _angles(self) -> list[Angle]:
        pairs = (gate.gate for gate in self.gates if isinstance(gate, Pair))
        return [gate for gate in pairs if isinstance(gate, Angle)]


@dataclass(frozen=True)
class Lowered:
    """A circuit in the gates of a device.

    Attributes:
        circuit: on all qubits of the device; its `layout` maps observables.
        parameters: of the circuit, in its own order.
        parts: the program's independent parts.
    """

    circuit: QuantumCircuit
    parameters: Sequence[Any]
    parts: Sequence[Part]

    def values(self, angles: Real) -> Real:
        """Values of the parameters, (rows, num_parameters), from the program's angles (rows, num_angles)."""
        columns = [part.values(angles[:, part.component.angles]) for part in self.parts]
        return np.concatenate(columns, axis=1)


def emit(parts: Sequence[Part], num_qubits: int) -> Lowered:
    """Write parts side by side on a device.

    Args:
        parts: their qubits, in ascending order, become those of the circuit.
        num_qubits: of the device.
    """
    parameters = ParameterVector("native", sum(part.num_parameters for part in parts))
    circuit, free = QuantumCircuit(num_qubits), list(parameters)
    start: dict[int, int] = {}
    moves: dict[int, int] = {}
    for part in parts:
        part.append_to(circuit, free[: part.num_parameters])
        del free[: part.num_parameters]
        start |= zip(part.component.qubits, part.route.start, strict=True)
        moves |= part.moves()
    circuit._layout = routed_layout(circuit, [start[qubit] for qubit in sorted(start)], moves)
    return Lowered(circuit, list(parameters), parts)


def _append_single(circuit: QuantumCircuit, gate: Single, triples: Iterator[Any]) -> None:
    if gate.is_constant and is_identity(gate.matrices()):
        return
    first, second, third = rz_sx_angles(gate.matrices()) if gate.is_constant else next(triples)
    circuit.rz(first, gate.wire)
    circuit.sx(gate.wire)
    circuit.rz(second, gate.wire)
    circuit.sx(gate.wire)
    circuit.rz(third, gate.wire)
