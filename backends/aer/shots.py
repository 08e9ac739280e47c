"""`aer_shots`: bitstrings counted by Qiskit Aer, ideal or with the noise of a device."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseEstimatorV2
from qiskit.providers import BackendV2

from backends.aer.simulator import make_simulator, row_probabilities, run_rows
from backends.circuits.emission import angle_circuit
from backends.circuits.observables import in_basis, measurement_bases
from backends.circuits.program import Ansatz, Program, program_from_circuit, without_controls
from backends.circuits.structure import components
from backends.devices.device import load_device
from backends.devices.lowering import NotBound
from backends.devices.noise_file import NoiseFile
from backends.devices.placement import (
    Piece,
    Place,
    Placement,
    bits_read,
    ideal,
    is_noise_file,
    on_device,
    require_device,
    with_noise_file,
)
from backends.devices.tiling.choice import TileChoice
from backends.devices.tiling.layouts import TilePlace, TilingPenalty, place_tiles
from backends.devices.tiling.tiles import Tiled, tile
from backends.errors import UserError
from backends.measuring.bitstrings import Counts, parities
from backends.measuring.noise_stream import NoiseStream
from backends.measuring.tally import Tally
from backends.options import AerShotsOptions, Lowering
from backends.primitives.backend import EstimatorBackend
from backends.primitives.pubs import PauliEstimator, shots_from_precision

Array = npt.NDArray[np.float64]

logger = logging.getLogger(__name__)

MAX_DENSITY_QUBITS = 12
"""A density matrix of more qubits than this takes over 256 MB for each of Aer's threads."""

CHUNK_SHOTS = 2**20
"""Aer keeps over 100 bytes of each shot of a run; more shots than this are several runs, each with a seed of
its own, or without noise drawn from the probabilities."""


class AerShotsBackend(EstimatorBackend):
    """Counts from Aer."""

    name = "aer_shots"
    options: AerShotsOptions

    @property
    def shots(self) -> int:
        """Shots a row, forward and backward alike."""
        return self.options.shots

    def estimator(self) -> BaseEstimatorV2:
        """An estimator that counts; Aer's own adds normal noise, which leaves [-1, 1]."""
        options = self.options
        return AerShotsEstimator(
            self._placement(),
            self.noise,
            options.shots,
            method=options.method,
            threads=options.threads,
            tiles=self._tiles,
            tally=self.tally,
            fallback=self._placement("merged") if options.lowering == "bound" else None,
        )

    def tiling_penalty(self, ansatz: Ansatz) -> TilingPenalty:
        """What the tiles cost a circuit in fidelity, by the calibration of the device.

        Raises:
            UserError: if `noise_model` is no device, or has no room for so many tiles.
        """
        return self._tiles.penalty(angle_circuit(ansatz))

    @cached_property
    def _device(self) -> BackendV2:
        """The device that the noise is of.

        Raises:
            UserError: if there is none.
        """
        name = self.options.noise_model
        if name is None or is_noise_file(name):
            raise UserError(f"noise_model = {name}: a device's calibration places tiles; name a device")
        return load_device(name)

    @cached_property
    def _tiles(self) -> TileChoice:
        return TileChoice(self.options.tiles, self._place_tiles)

    def _place_tiles(self, circuit: QuantumCircuit) -> Iterator[TilePlace]:
        options = self.options
        return place_tiles(
            circuit,
            self._device,
            options.lowering,
            optimization_level=options.optimization_level,
            seed=options.seed_transpiler,
        )

    def _placement(self, lowering: Lowering | None = None) -> Placement:
        name, options = self.options.noise_model, self.options
        level, seed = options.optimization_level, options.seed_transpiler
        if name is not None and not (is_noise_file(name) and options.tiles == 1):
            # Which refuses tiles of a file.
            return on_device(self._device, level, seed, lowering or options.lowering)
        require_device(options.lowering, name)
        return ideal if name is None else with_noise_file(NoiseFile(name), level, seed)


class AerShotsEstimator(PauliEstimator):
    """Expectations from counts; every run draws fresh ones.

    Independent parts of a circuit are run apart, and their bitstrings put side by side for a Pauli string
    that spans several. Strings that can be measured in the same bases share their bitstrings.

    Args:
        placement: how circuits are laid out, and with which noise.
        noise: where Aer's seeds come from.
        default_shots: where no precision is asked for.
        method: `density_matrix` or `statevector` for circuits with noise; `automatic` picks by `method_for`.
        threads: CPU threads of Aer; None takes as many as torch.
        tiles: how many copies of a circuit run side by side.
        tally: counts what is measured.
        fallback: where weights differ too much from row to row for `placement`, or X or Y is read.
    """

    def __init__(
        self,
        placement: Placement = ideal,
        noise: NoiseStream | None = None,
        default_shots: int = 1024,
        *,
        method: str = "automatic",
        threads: int | None = None,
        tiles: Callable[[QuantumCircuit], int] = lambda circuit: 1,
        tally: Tally | None = None,
        fallback: Placement | None = None,
    ) -> None:
        self.placement = placement
        self.fallback = fallback
        self.noise = noise or NoiseStream(0)
        self.default_shots = default_shots
        self.method = method
        self.threads = threads
        self.tiles = tiles
        self.tally = tally or Tally()
        self._placed: dict[object, list[Piece]] = {}

    def shots(self, precision: float | None) -> int:
        """Enough for the standard error asked for."""
        return shots_from_precision(precision) if precision else self.default_shots

    def method_for(self, piece: Piece, shots: int) -> str:
        """How Aer simulates a piece.

        Without noise ``statevector``. With noise, where nothing else is asked for, ``density_matrix`` if one
        is cheaper than a state vector a shot, which it is while 2^num_qubits <= shots.
        """
        if piece.noise_model is None:
            return "statevector"
        if self.method != "automatic":
            return self.method
        cheap = 2**piece.num_qubits <= shots and piece.num_qubits <= MAX_DENSITY_QUBITS
        return "density_matrix" if cheap else "statevector"

    def measure(
        self, circuit: QuantumCircuit, rows: Array, paulis: Sequence[str], shots: int | None
    ) -> Array:
        """Estimates from `shots` bitstrings a row; see `PauliEstimator.measure`."""
        tiled = tile(circuit, rows, paulis, self.tiles(circuit))
        return tiled.untile(self._measure(tiled, shots or self.default_shots))

    def _measure(self, tiled: Tiled, shots: int) -> Array:
        circuit, rows, paulis = tiled.circuit, tiled.rows, tiled.paulis
        # Parameters are bound inside Aer, which silently ignores those of controlled rotations.
        program = without_controls(program_from_circuit(circuit, circuit.parameters))
        angles = program.angles(rows, np.zeros(0))
        values = np.zeros((len(paulis), len(rows)))
        rng = self.noise.generator()
        for members, basis in measurement_bases(paulis):
            self.tally.add(len(rows), len(rows) * shots)
            pieces = self._pieces_for(program, basis, angles)
            terms = [bits_read(paulis[m], pieces) for m in members]
            wanted = sorted({p for term in terms for p, _ in term})
            draw = self._draws(pieces, wanted, angles, shots)
            paired = any(len(term) > 1 for term in terms)
            each_by_itself = paired or any(pieces[p].noise_model is not None for p in wanted)
            for size in chunks(shots, CHUNK_SHOTS if each_by_itself else shots):
                values[members] += size / shots * np.stack(parities(draw(size, rng), terms, rng))
        return values

    def _pieces_for(self, program: Program, basis: str, angles: Array) -> list[Piece]:
        """The program's circuits in a basis, by a placement that is good for these angles."""
        program = in_basis(program, basis)
        if self.fallback is None:
            return self._pieces(program, self.placement)
        if set(basis) - {"I", "Z"}:
            return self._pieces(program, self.fallback)
        pieces = self._pieces(program, self.placement)
        try:
            for piece in pieces:
                piece.angles(np.concatenate([angles[:, part.angles] for part in piece.components]))
        except NotBound:
            return self._pieces(program, self.fallback)
        return pieces

    def _pieces(self, program: Program, placement: Placement) -> list[Piece]:
        """The program's circuits, compiled once for each structure."""
        parts = tuple((part.qubits, part.angles, part.shape) for part in components(program))
        key = (placement is self.placement, parts)
        if key not in self._placed:
            self._placed[key] = placement(program)
            for piece in self._placed[key]:
                if piece.noise_model is not None:
                    method = self.method_for(piece, self.default_shots)
                    logger.info("aer_shots: %s, method %s", piece.place, method)
        return self._placed[key]

    def _draws(
        self, pieces: Sequence[Piece], wanted: Sequence[int], angles: Array, shots: int
    ) -> Callable[[int, np.random.Generator], dict[Place, Counts]]:
        """What draws some shots of some pieces: the counts of each of their components.

        Without noise many shots are drawn from the probabilities, so that the time does not grow with them.
        """
        drawn = {
            p: self._probabilities(pieces[p], angles)
            for p in wanted
            if pieces[p].noise_model is None and shots > CHUNK_SHOTS
        }

        def draw(size: int, rng: np.random.Generator) -> dict[Place, Counts]:
            found = {}
            for p in wanted:
                if p in drawn:
                    counts = [Counts.from_table(rng.multinomial(size, each)) for each in drawn[p]]
                else:
                    counts = self._count(pieces[p], angles, size, rng)
                found.update({(p, c): each for c, each in enumerate(counts)})
            return found

        return draw

    def _probabilities(self, piece: Piece, angles: Array) -> list[Array]:
        """Of each component, (R, 2^num_qubits)."""
        simulator = make_simulator("statevector", self.threads)
        rows = row_probabilities(simulator, piece.circuit, piece.parameters, _stacked(piece, angles))
        whole = np.concatenate(list(rows))
        whole /= whole.sum(axis=1, keepdims=True)
        return np.split(whole, len(piece.components))

    def _count(self, piece: Piece, angles: Array, shots: int, rng: np.random.Generator) -> list[Counts]:
        """Aer's counts of each component."""
        width = len(piece.wires)
        measured = QuantumCircuit(piece.num_qubits, width)
        measured.compose(piece.circuit, inplace=True)
        measured.measure(piece.wires, range(width))
        noise = {} if piece.noise_model is None else {"noise_model": piece.noise_model}
        simulator = make_simulator(self.method_for(piece, shots), self.threads, **noise)
        seed = int(rng.integers(2**31))
        rows = _stacked(piece, angles)
        result = run_rows(simulator, measured, piece.parameters, rows, shots=shots, seed_simulator=seed)
        counts = [experiment.data.to_dict()["counts"] for experiment in result.results]
        return [
            Counts.from_hexadecimal(counts[start : start + len(angles)])
            for start in range(0, len(counts), len(angles))
        ]


def _stacked(piece: Piece, angles: Array) -> Array:
    """The piece's angles, all rows of its first component, then of the next, ..."""
    return piece.angles(np.concatenate([angles[:, part.angles] for part in piece.components]))


def chunks(shots: int, largest: int) -> Iterator[int]:
    """Sizes that add up to the shots."""
    for start in range(0, shots, largest):
        yield min(largest, shots - start)
