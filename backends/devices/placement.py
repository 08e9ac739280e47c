"""From a program to the circuits that Aer runs: ideal, on the qubits of a device, or with a noise model.

Independent parts of a program stay independent on a device: each gets qubits of its own and is simulated
apart, with the calibration of those qubits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer.noise import NoiseModel

from backends.circuits.emission import circuit_from_operations
from backends.circuits.program import Program, program_from_circuit, without_controls
from backends.circuits.structure import Component, classes, components
from backends.devices.device import SubDevice, isa_circuit, restrict
from backends.devices.lowering import Part, choose, emit, lower
from backends.devices.noise_file import NoiseFile
from backends.errors import UserError
from backends.options import Lowering

Array = npt.NDArray[np.float64]

PLACEMENTS = 5
"""Layouts that Qiskit's transpiler tries for each part on a device; the one on the fewest qubits is taken, as
simulation demands."""


@dataclass(frozen=True)
class Piece:
    """A circuit and what it measures.

    Attributes:
        components: the parts of the program that it stands for; several if they differ only in angles.
        circuit: rotations of one free parameter each, no measurement.
        parameters: of the circuit.
        angles: from the angles of a component (R, num_angles) to values of `parameters` (R, num_parameters).
        wires: for each qubit of a component where it ends up in the circuit.
        noise_model: of Aer, or None.
        place: which qubits of which device these are, for people.
    """

    components: Sequence[Component]
    circuit: QuantumCircuit
    parameters: Sequence[Parameter]
    angles: Callable[[Array], Array]
    wires: Sequence[int]
    noise_model: NoiseModel | None = None
    place: str = ""

    @property
    def num_qubits(self) -> int:
        """Qubits to simulate."""
        return self.circuit.num_qubits


Placement = Callable[[Program], list[Piece]]


def ideal(program: Program) -> list[Piece]:
    """One circuit for all components of one shape, without noise."""
    pieces = []
    for members in classes(program):
        circuit, parameters = _circuit(members[0])
        pieces.append(_piece(members, circuit, parameters, range(circuit.num_qubits)))
    return pieces


def on_device(
    device: BackendV2, optimization_level: int, seed: int, lowering: Lowering | None = None
) -> Placement:
    """Compile each component for qubits of the device that no other has.

    Args:
        device: whose gates, couplings and calibration count.
        optimization_level: of Qiskit's transpiler, where the lowering is pauli.
        seed: of the searches.
        lowering: see `lowering.choose`.
    """
    chosen = choose(lowering, device)
    if chosen == "pauli":
        return partial(_transpiled, device=device, optimization_level=optimization_level, seed=seed)
    return partial(_merged, device=device, fractional=chosen == "fractional", seed=seed)


def _merged(program: Program, device: BackendV2, fractional: bool, seed: int) -> list[Piece]:
    parts = lower(components(program), device, fractional=fractional, seed=seed)
    return [_merged_piece(part, device) for part in parts]


def _merged_piece(part: Part, device: BackendV2) -> Piece:
    lowered = emit([part], device.num_qubits)
    circuit, chip = restrict(lowered.circuit, device)
    wires = circuit.layout.final_index_layout()[: len(part.component.qubits)]
    noise_model = NoiseModel.from_backend(chip)
    return Piece([part.component], circuit, lowered.parameters, part.values, wires, noise_model, _name(chip))


def _transpiled(program: Program, device: BackendV2, optimization_level: int, seed: int) -> list[Piece]:
    pieces, taken = [], set[int]()
    for component in sorted(components(program), key=lambda part: -len(part.qubits)):
        free = SubDevice(device, [q for q in range(device.num_qubits) if q not in taken])
        circuit, parameters = _circuit(component)
        placed, chip = _best_layout(circuit, free, optimization_level, seed)
        taken.update(chip.chip_qubits)
        wires = placed.layout.final_index_layout()
        pieces.append(
            _piece([component], placed, parameters, wires, NoiseModel.from_backend(chip), _name(chip))
        )
    return pieces


def _name(chip: SubDevice) -> str:
    return f"{chip.name} qubits {', '.join(map(str, chip.chip_qubits))}"


def with_noise_file(noise: NoiseFile, optimization_level: int, seed: int) -> Placement:
    """Compile for the gates that the noise model knows; every two qubits are coupled, none is moved."""

    def place(program: Program) -> list[Piece]:
        manager = generate_preset_pass_manager(
            optimization_level, basis_gates=noise.basis_gates, seed_transpiler=seed
        )
        pieces = []
        for component in components(program):
            circuit, parameters = _circuit(component)
            compiled = manager.run(circuit)
            wires = compiled.layout.final_index_layout() if compiled.layout else range(circuit.num_qubits)
            model = noise.on(component.qubits)
            name = f"noise model on qubits {', '.join(map(str, component.qubits))}"
            pieces.append(_piece([component], compiled, parameters, wires, model, name))
        return pieces

    return place


def _circuit(component: Component) -> tuple[QuantumCircuit, ParameterVector]:
    return circuit_from_operations(component.operations, len(component.qubits), len(component.angles))


def _best_layout(
    circuit: QuantumCircuit, device: SubDevice, optimization_level: int, seed: int
) -> tuple[QuantumCircuit, SubDevice]:
    tried = [
        restrict(
            isa_circuit(circuit, device, optimization_level=optimization_level, seed_transpiler=seed + k),
            device,
        )
        for k in range(PLACEMENTS)
    ]
    return min(tried, key=lambda found: (found[0].num_qubits, found[0].num_nonlocal_gates()))


def _piece(
    members: Sequence[Component],
    compiled: QuantumCircuit,
    parameters: ParameterVector,
    wires: Sequence[int],
    noise_model: NoiseModel | None = None,
    place: str = "",
) -> Piece:
    """Give every rotation of a compiled circuit a parameter of its own.

    Raises:
        UserError: if a rotation would lose its noise, because the device has it only as part of a gate.
    """
    program = without_controls(program_from_circuit(compiled, list(parameters)))
    circuit, own = circuit_from_operations(
        program.operations, program.num_qubits, program.num_angles, keep_gates=noise_model is not None
    )
    strange = set(circuit.count_ops()) - set(compiled.count_ops())
    if noise_model is not None and strange:
        raise UserError(
            f"noise_model: {place.split(' qubits')[0]} rotates with gates of several angles "
            f"({', '.join(sorted(set(compiled.count_ops()) - set(circuit.count_ops())))}); "
            "take a device whose rotations are rz, rx, rzz or the like"
        )
    angles = partial(program.angles, weights=np.zeros(0))
    return Piece(members, circuit, list(own), angles, list(wires), noise_model, place)
