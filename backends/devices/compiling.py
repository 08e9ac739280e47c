"""A circuit for a device, by the lowering that the options ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.transpiler.exceptions import TranspilerError

from backends.circuits.program import program_from_circuit, without_controls
from backends.circuits.structure import components
from backends.devices.device import isa_circuits, no_room
from backends.devices.lowering import choose, emit, lower
from backends.errors import UserError
from backends.options import Lowering

ATTEMPTS = 5
"""Seeds of Qiskit's transpiler that are tried where the first finds no way."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Compiled:
    """A circuit in a device's gates.

    Attributes:
        circuit: on all qubits of the device; its layout maps observables.
        values: from values of the parameters of the circuit that was asked for, (R, num_parameters), to those
            of `circuit`.
    """

    circuit: QuantumCircuit
    values: Callable[[Array], Array]


def compile_circuit(
    circuit: QuantumCircuit,
    device: BackendV2,
    lowering: Lowering | None = None,
    *,
    optimization_level: int = 2,
    seed: int = 0,
) -> Compiled:
    """Compile for a device.

    Args:
        circuit: may have free parameters.
        device: where it is to run.
        lowering: see `lowering.choose`.
        optimization_level: of Qiskit's transpiler, where the lowering is pauli.
        seed: of the searches for layout and routing.

    Raises:
        UserError: if the device lacks qubits or gates.
    """
    chosen = choose(lowering, device)
    if chosen == "pauli":
        return Compiled(_transpiled(circuit, device, optimization_level, seed), lambda rows: rows)
    program = without_controls(program_from_circuit(circuit, circuit.parameters))
    parts = lower(components(program), device, chosen, seed=seed)
    lowered, no_weights = emit(parts, device.num_qubits), np.zeros(0)
    return Compiled(lowered.circuit, lambda rows: lowered.values(program.angles(rows, no_weights)))


def _transpiled(
    circuit: QuantumCircuit, device: BackendV2, optimization_level: int, seed: int
) -> QuantumCircuit:
    try:
        return next(isa_circuits(circuit, device, optimization_level, range(seed, seed + ATTEMPTS)))
    except TranspilerError as error:  # such as a device whose qubits are not in one piece
        raise UserError(f"{no_room(device, [circuit.num_qubits])} ({error.message})") from None
