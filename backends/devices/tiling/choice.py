"""How many tiles a circuit gets: as many as asked for, or as many as a device is good for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import tee
from typing import Literal

from qiskit.circuit import QuantumCircuit

from backends.circuits.fingerprint import circuit_fingerprint
from backends.devices.tiling.layouts import TilePlace, TilingPenalty, first_tiles, good_tiles


class TileChoice:
    """The option `tiles`, applied to circuits.

    Args:
        tiles: a number, or ``auto`` to go by the device's calibration.
        place: places tiles of a circuit on the device; asked only where the answer depends on it.
    """

    def __init__(
        self, tiles: int | Literal["auto"], place: Callable[[QuantumCircuit], Iterator[TilePlace]]
    ) -> None:
        self._tiles = tiles
        self._place = place
        self._chosen: dict[str, int] = {}
        self._places: dict[str, Iterator[TilePlace]] = {}

    def __call__(self, circuit: QuantumCircuit) -> int:
        """How many tiles a circuit gets, if it has that many rows.

        Raises:
            UserError: if it fits nowhere on the device.
        """
        if self._tiles != "auto":
            return self._tiles
        key = circuit_fingerprint(circuit)
        if key not in self._chosen:
            self._chosen[key] = len(good_tiles(self._places_of(circuit)))
        return self._chosen[key]

    def recall(self, key: str, tiles: int) -> None:
        """Keep to an earlier choice for the circuit of this fingerprint, whatever the calibration says."""
        self._chosen[key] = tiles

    def penalty(self, circuit: QuantumCircuit) -> TilingPenalty:
        """What the choice costs in fidelity.

        Raises:
            UserError: if so many tiles do not fit on the device.
        """
        return TilingPenalty.of(first_tiles(self._places_of(circuit), self(circuit)))

    def _places_of(self, circuit: QuantumCircuit) -> Iterator[TilePlace]:
        """From the first on, each placed no more than once."""
        key = circuit_fingerprint(circuit)
        self._places[key], places = tee(self._places.get(key) or self._place(circuit))
        return places
