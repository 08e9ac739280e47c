"""Several copies of a circuit side by side on one chip, so that one execution serves several rows.

The copies, the tiles, share no gate: together they are one circuit of more independent parts, and each part
measures what it would measure alone. On a chip a tile may lie on worse qubits than a single circuit would;
`tile_layouts` says how much worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from qiskit.circuit import ParameterVector, QuantumCircuit

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tiled:
    """A question about one circuit as a question about several copies of it, and the way back.

    Attributes:
        tiles: copies in the circuit; no more than the rows need.
        circuit: on tiles * num_qubits qubits, tile j from qubit j * num_qubits on.
        rows: (ceil(num_rows / tiles), tiles * num_parameters), radians, tile after tile.
        paulis: labels, all of tile 0, then all of tile 1, ...
        num_rows: rows asked for; the last execution's spare tiles repeat the last of them.
    """

    tiles: int
    circuit: QuantumCircuit
    rows: Array
    paulis: Sequence[str]
    num_rows: int

    def untile(self, values: Array) -> Array:
        """Expectations of one circuit, (num_paulis, num_rows), from those of all tiles.

        Args:
            values: (tiles * num_paulis, ceil(num_rows / tiles)).
        """
        by_tile = values.reshape(self.tiles, -1, len(self.rows))
        return by_tile.transpose(1, 2, 0).reshape(by_tile.shape[1], -1)[:, : self.num_rows]


def tile(circuit: QuantumCircuit, rows: Array, paulis: Sequence[str], tiles: int) -> Tiled:
    """Put copies of a circuit side by side and deal its rows out to them.

    Args:
        circuit: of one tile, without measurements.
        rows: parameter values in the order of `circuit.parameters`, (R, num_parameters) with R > 0, radians.
        paulis: labels on the circuit's qubits, qubit 0 last.
        tiles: how many copies at most.
    """
    tiles = tiles_in_use(tiles, len(rows))
    if tiles == 1:
        return Tiled(1, circuit, rows, paulis, len(rows))
    spare = -len(rows) % tiles
    dealt = np.concatenate([rows, rows[-1:].repeat(spare, axis=0)])
    rest = circuit.num_qubits * (tiles - 1)
    shifted = [circuit.num_qubits * k for k in range(tiles)]
    return Tiled(
        tiles,
        _side_by_side(circuit, tiles),
        dealt.reshape(len(dealt) // tiles, tiles * rows.shape[1]),
        ["I" * (rest - shift) + label + "I" * shift for shift in shifted for label in paulis],
        len(rows),
    )


def tiled_rows(num_rows: int, tiles: int) -> int:
    """Executions, but for the shots, that rows take."""
    return -(-num_rows // tiles)


def tiles_in_use(tiles: int, num_rows: int) -> int:
    """The fewest tiles that serve rows in as few executions; one without a row would only cost fidelity."""
    return tiled_rows(num_rows, tiled_rows(num_rows, tiles))


def _side_by_side(circuit: QuantumCircuit, tiles: int) -> QuantumCircuit:
    num_qubits, num_parameters = circuit.num_qubits, circuit.num_parameters
    parameters = ParameterVector("tiled", tiles * num_parameters)
    whole = QuantumCircuit(tiles * num_qubits)
    for k in range(tiles):
        own = parameters[k * num_parameters : (k + 1) * num_parameters]
        where = range(k * num_qubits, (k + 1) * num_qubits)
        whole.compose(circuit.assign_parameters(own), where, inplace=True, copy=False)
    return whole
