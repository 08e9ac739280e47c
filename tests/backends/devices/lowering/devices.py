"""Small devices with invented calibration, with and without fractional gates."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit.circuit import Parameter
from qiskit.circuit.library import RZZGate
from qiskit.providers import BackendV2
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import CouplingMap, InstructionProperties

LINE = CouplingMap.from_line
GRID = CouplingMap.from_grid


def with_lone_qubits(coupling: CouplingMap, number: int) -> CouplingMap:
    """The same and some qubits that are coupled to none."""
    extended = CouplingMap(list(coupling.get_edges()))
    for k in range(number):
        extended.add_physical_qubit(coupling.size() + k)
    return extended


def device(coupling: CouplingMap, gate: str = "cz", *, fractional: bool = False) -> BackendV2:
    """A device whose two-qubit gate is cz, cx or ecr."""
    basis = ["id", "rz", "sx", "x", gate]
    made = GenericBackendV2(coupling.size(), basis_gates=basis, coupling_map=coupling, seed=3)
    if fractional:
        made.target.add_instruction(
            RZZGate(Parameter("angle")),
            {pair: InstructionProperties(error=0.01, duration=1e-7) for pair in coupling.get_edges()},
        )
    return made


def one_way_line(num_qubits: int, gate: str) -> BackendV2:
    """A line on which the gate goes one way only."""
    pairs: Sequence[list[int]] = [[k, k + 1] for k in range(num_qubits - 1)]
    return device(CouplingMap(list(pairs)), gate)
