"""Where tiles fit on a device, how well each would do there, and how many are worth having."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, cycle, islice, takewhile

from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2

from backends.circuits.program import program_from_circuit, without_controls
from backends.circuits.structure import components
from backends.devices.calibration import success_probability
from backends.devices.compiling import compile_circuit
from backends.devices.device import SubDevice, restrict
from backends.devices.lowering import choose, emit, lower_in_turn
from backends.errors import UserError
from backends.options import Lowering

MIN_RELATIVE_SUCCESS = 0.8
"""``tiles: auto`` stops before a tile whose estimated success probability is below this part of the first's.

A signal damped to 0.8 wants 1 / 0.8^2 = 1.6 times the shots; beyond that a tile hardly earns its place."""


@dataclass(frozen=True)
class TilePlace:
    """Where one tile would lie.

    Attributes:
        qubits: of the chip.
        success: estimated probability of an execution without error; see `calibration.success_probability`.
    """

    qubits: tuple[int, ...]
    success: float


@dataclass(frozen=True)
class TilingPenalty:
    """What tiling costs in fidelity: estimated success probabilities on one device.

    Attributes:
        tiles: how many.
        single: of the first tile, which is where a circuit alone would lie.
        mean: of all tiles.
        worst: of the worst tile.
    """

    tiles: int
    single: float
    mean: float
    worst: float

    @classmethod
    def of(cls, places: Sequence[TilePlace]) -> TilingPenalty:
        """The penalty of tiles placed one after another."""
        successes = [place.success for place in places]
        return cls(len(places), successes[0], sum(successes) / len(successes), min(successes))

    def __str__(self) -> str:
        alone = f"estimated success {self.single:.2f}"
        if self.tiles == 1:
            return alone
        return f"{alone} alone; of {self.tiles} tiles {self.mean:.2f} in the mean, {self.worst:.2f} the worst"


def place_tiles(
    circuit: QuantumCircuit,
    device: BackendV2,
    lowering: Lowering | None = None,
    *,
    optimization_level: int = 2,
    seed: int = 0,
) -> Iterator[TilePlace]:
    """Place one tile after another, each where it does best on the qubits that are left, until none fits.

    Args:
        circuit: of one tile.
        device: with its calibration.
        lowering: and the rest, as in `compile_circuit`.
        optimization_level: likewise.
        seed: likewise.

    Raises:
        UserError: if not even one tile fits.
    """
    whole = SubDevice(device, range(device.num_qubits))
    chosen = choose(lowering, whole)
    if chosen == "pauli":
        found = _transpiled(circuit, whole, optimization_level, seed)
    else:
        found = _merged(circuit, whole, chosen, seed)
    first = next(found, None)
    if first is None:  # which may work out for one tile alone, or says what is wrong
        compiled = compile_circuit(circuit, whole, chosen, optimization_level=optimization_level, seed=seed)
        first = restrict(compiled.circuit, whole)
    for small, part in chain([first], found):
        measured = small.layout.final_index_layout()[: circuit.num_qubits]
        yield TilePlace(part.chip_qubits, success_probability(small, part.target, measured))


def _transpiled(
    circuit: QuantumCircuit, whole: SubDevice, optimization_level: int, seed: int
) -> Iterator[tuple[QuantumCircuit, SubDevice]]:
    """Tile after tile, on the part of the device that it uses, by Qiskit's transpiler."""
    taken: set[int] = set()
    while True:
        free = SubDevice(whole, [k for k, qubit in enumerate(whole.chip_qubits) if qubit not in taken])
        try:
            found = compile_circuit(circuit, free, "pauli", optimization_level=optimization_level, seed=seed)
        except UserError:  # too few qubits are left, or too few in one piece
            return
        small, part = restrict(found.circuit, free)
        taken.update(part.chip_qubits)
        yield small, part


def _merged(
    circuit: QuantumCircuit, whole: SubDevice, lowering: Lowering, seed: int
) -> Iterator[tuple[QuantumCircuit, SubDevice]]:
    """The same, merged; the search for a tile's form is made once."""
    program = without_controls(program_from_circuit(circuit, circuit.parameters))
    tile = sorted(components(program), key=lambda component: -len(component.qubits))
    parts = lower_in_turn(cycle(tile), whole, lowering, seed=seed)
    while len(own := list(islice(parts, len(tile)))) == len(tile):
        yield restrict(emit(own, whole.num_qubits).circuit, whole)


def good_tiles(places: Iterator[TilePlace]) -> list[TilePlace]:
    """The tiles before the first that does much worse than the first of all; see `MIN_RELATIVE_SUCCESS`."""
    first = next(places)
    good = takewhile(lambda place: place.success >= MIN_RELATIVE_SUCCESS * first.success, places)
    return [first, *good]


def first_tiles(places: Iterator[TilePlace], tiles: int) -> list[TilePlace]:
    """A given number of tiles.

    Raises:
        UserError: if fewer fit; says how many.
    """
    found = list(islice(places, tiles))
    if len(found) < tiles:
        raise UserError(f"tiles = {tiles}: the device has room for {len(found)}; at most that, or auto")
    return found
