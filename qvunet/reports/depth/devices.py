"""Devices of the report: recorded and real ones by name, and plain maps with the errors of a Heron chip."""

from __future__ import annotations

import math
from typing import Any

from qiskit.circuit import Parameter
from qiskit.circuit.library import RZZGate
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import CouplingMap, InstructionProperties, QubitProperties, Target

from backends.devices.device import SubDevice, load_device
from backends.errors import UserError

GENERIC = ("line", "grid", "heavy_hex", "all_to_all")

CZ_ERROR, CZ_SECONDS = 4e-3, 70e-9
"""Of every coupling of a generic map: what Heron chips report in the median."""

SX_ERROR, SX_SECONDS = 2.5e-4, 30e-9
READOUT_ERROR, READOUT_SECONDS = 1.5e-2, 1.5e-6
RELAXATION_SECONDS = 150e-6
"""T1 and T2 of every qubit of a generic map."""


class ModelDevice(BackendV2):
    """A target with a name; nothing runs on it."""

    def __init__(self, name: str, target: Target) -> None:
        super().__init__(name=name)
        self._target = target

    @property
    def target(self) -> Target:
        """Gates, couplings and error rates."""
        return self._target

    @property
    def max_circuits(self) -> None:
        """No limit."""
        return None

    @classmethod
    def _default_options(cls) -> Options:
        return Options()

    def run(self, run_input: Any, **options: Any) -> None:
        """Refused: nothing can run here."""
        raise NotImplementedError(f"{self.name} only stands for its couplings and calibration")


def find_device(name: str, num_qubits: int) -> BackendV2:
    """A device of the report.

    Args:
        name: one of `GENERIC`, a ``fake_*`` name, or a device of the account.
        num_qubits: least size of a generic map; others have their own.

    Raises:
        UserError: if there is none of this name.
    """
    if name not in GENERIC:
        return load_device(name)
    coupling = _coupling(name, num_qubits)
    return ModelDevice(f"{name}_{coupling.size()}", _generic_target(coupling))


def with_rzz(device: BackendV2) -> tuple[BackendV2, bool]:
    """A device with fractional RZZ, and whether they had to be assumed.

    Recorded devices do not tell their fractional gates; each coupling is then given one with the error and
    duration of its CZ, which is what IBM reports for both on Heron chips within their spread.
    """
    if "rzz" in device.target.operation_names:
        return device, False
    names = [name for name in ("cz", "ecr", "cx") if name in device.target.operation_names]
    if not names:
        raise UserError(f"device {device.name}: has no cz, ecr or cx to model an rzz on")
    target = SubDevice(device, range(device.num_qubits)).target
    copied = {pair: found for pair, found in target[names[0]].items() if pair is not None}
    target.add_instruction(RZZGate(Parameter("angle")), copied)
    return ModelDevice(device.name, target), True


def _coupling(name: str, num_qubits: int) -> CouplingMap:
    if name == "line":
        return CouplingMap.from_line(num_qubits)
    if name == "all_to_all":
        return CouplingMap.from_full(num_qubits)
    if name == "grid":
        rows = math.isqrt(num_qubits)
        return CouplingMap.from_grid(rows, -(-num_qubits // rows))
    distance = next(d for d in range(3, 99, 2) if (5 * d * d - 2 * d - 1) // 2 >= num_qubits)
    coupling = CouplingMap.from_heavy_hex(distance)
    coupling.make_symmetric()
    return coupling


def _generic_target(coupling: CouplingMap) -> Target:
    size = coupling.size()
    single = {(q,): InstructionProperties(SX_SECONDS, SX_ERROR) for q in range(size)}
    pairs = {pair for edge in coupling.get_edges() for pair in (tuple(edge), tuple(edge)[::-1])}
    target = Target.from_configuration(["rz", "sx", "x", "id", "cz", "measure"], size, coupling)
    made = Target(
        num_qubits=size,
        qubit_properties=[QubitProperties(t1=RELAXATION_SECONDS, t2=RELAXATION_SECONDS)] * size,
    )
    for gate in ("sx", "x", "id"):
        made.add_instruction(target.operation_from_name(gate), dict(single))
    made.add_instruction(
        target.operation_from_name("rz"), {(q,): InstructionProperties(0.0, 0.0) for q in range(size)}
    )
    made.add_instruction(
        target.operation_from_name("cz"),
        {pair: InstructionProperties(CZ_SECONDS, CZ_ERROR) for pair in sorted(pairs)},
    )
    made.add_instruction(
        target.operation_from_name("measure"),
        {(q,): InstructionProperties(READOUT_SECONDS, READOUT_ERROR) for q in range(size)},
    )
    return made
