"""From a program to the circuits that Aer runs: ideal, on the qubits of a device, or with a noise model.

Independent parts of a program stay independent on a device: each gets qubits of its own and is simulated
apart, with the calibration of those qubits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.transpiler import generate_preset_pass_manager
from qiskit.transpiler.exceptions import TranspilerError
from qiskit_aer.noise import NoiseModel

from backends.circuits.emission import circuit_from_operations
from backends.circuits.program import AffineMap, Program
from backends.circuits.slots import with_own_parameters
from backends.circuits.structure import Component, classes, components
from backends.devices.device import SubDevice, isa_circuits, load_device, no_room, require_qubits, restrict
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
        affine: `angles` as a map of its inputs, if it is one.
    """

    components: Sequence[Component]
    circuit: QuantumCircuit
    parameters: Sequence[Parameter]
    angles: Callable[[Array], Array]
    wires: Sequence[int]
    noise_model: NoiseModel | None = None
    place: str = ""
    affine: AffineMap | None = None

    @property
    def num_qubits(self) -> int:
        """Qubits to simulate."""
        return self.circuit.num_qubits


Placement = Callable[[Program], list[Piece]]

Place = tuple[int, int]
"""A piece and a component of it, by number."""


def is_noise_file(noise_model: str) -> bool:
    """Whether a noise model is named by a file, not by a device."""
    return noise_model.endswith(".json") or Path(noise_model).is_file()


def noisy_placement(
    noise_model: str, optimization_level: int, seed: int, lowering: Lowering | None = None
) -> Placement:
    """The placement that goes with a noise model.

    Args:
        noise_model: a device, or a JSON file.
        optimization_level: of Qiskit's transpiler, where it is used.
        seed: of the searches.
        lowering: on a device, see `lowering.choose`.

    Raises:
        UserError: if there is no such device or file, or a lowering is asked for where there is no device.
    """
    if not is_noise_file(noise_model):
        return on_device(load_device(noise_model), optimization_level, seed, lowering)
    require_device(lowering, noise_model)
    return with_noise_file(NoiseFile(noise_model), optimization_level, seed)


def require_device(lowering: Lowering | None, noise_model: str | None) -> None:
    """Refuse a lowering where there is no device.

    Raises:
        UserError: if there is a lowering.
    """
    if lowering is not None:
        raise UserError(
            f"lowering = {lowering}: circuits are lowered for a device, and noise_model = {noise_model} "
            "is none; name a device, or leave lowering out"
        )


def bits_read(pauli: str, pieces: Sequence[Piece]) -> dict[Place, list[int]]:
    """The bits that a Pauli string (qubit 0 last) reads of each part: numbers of piece and component."""
    bits = {
        (p, c): [k for k, qubit in enumerate(component.qubits) if pauli[-1 - qubit] != "I"]
        for p, piece in enumerate(pieces)
        for c, component in enumerate(piece.components)
    }
    return {part: some for part, some in bits.items() if some}


def ideal(program: Program) -> list[Piece]:
    """One circuit for all components of one shape, without noise."""
    pieces = []
    for members in classes(program):
        circuit, parameters = _circuit(members[0], keep_gates=False)
        pieces.append(Piece(members, circuit, list(parameters), lambda rows: rows, range(circuit.num_qubits)))
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
    return partial(_merged, device=device, lowering=chosen, seed=seed)


def _merged(program: Program, device: BackendV2, lowering: Lowering, seed: int) -> list[Piece]:
    parts = lower(components(program), device, lowering, seed=seed)
    return [_merged_piece(part, device) for part in parts]


def _merged_piece(part: Part, device: BackendV2) -> Piece:
    lowered = emit([part], device.num_qubits)
    circuit, chip = restrict(lowered.circuit, device)
    wires = circuit.layout.final_index_layout()[: len(part.component.qubits)]
    noise_model = NoiseModel.from_backend(chip)
    return Piece([part.component], circuit, lowered.parameters, part.values, wires, noise_model, _name(chip))


def _transpiled(program: Program, device: BackendV2, optimization_level: int, seed: int) -> list[Piece]:
    require_qubits(device, program.num_qubits)
    pieces, taken = [], set[int]()
    ordered = sorted(components(program), key=lambda part: -len(part.qubits))
    for component in ordered:
        free = SubDevice(device, [q for q in range(device.num_qubits) if q not in taken])
        circuit, parameters = _circuit(component)
        try:
            placed, chip = _best_layout(circuit, free, optimization_level, seed)
        except (UserError, TranspilerError):  # too few qubits are left, or too few in one piece
            raise no_room(device, [len(part.qubits) for part in ordered]) from None
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


def _circuit(component: Component, *, keep_gates: bool = True) -> tuple[QuantumCircuit, ParameterVector]:
    return circuit_from_operations(
        component.operations, len(component.qubits), len(component.angles), keep_gates=keep_gates
    )


def _best_layout(
    circuit: QuantumCircuit, device: SubDevice, optimization_level: int, seed: int
) -> tuple[QuantumCircuit, SubDevice]:
    seeds = range(seed, seed + PLACEMENTS)
    tried = [
        restrict(compiled, device) for compiled in isa_circuits(circuit, device, optimization_level, seeds)
    ]
    return min(tried, key=lambda found: (found[0].num_qubits, found[0].num_nonlocal_gates()))


def _piece(
    members: Sequence[Component],
    compiled: QuantumCircuit,
    parameters: ParameterVector,
    wires: Sequence[int],
    noise_model: NoiseModel,
    place: str,
) -> Piece:
    """A circuit in the gates that the noise is of, with a parameter for each of its free angles."""
    circuit, own, angles = with_own_parameters(compiled, list(parameters))
    values = partial(angles, weights=np.zeros(0))
    return Piece(members, circuit, own, values, list(wires), noise_model, place, angles)
