"""FQConv: equal pixels of different channels mix (De Falco et al., figure 5)."""

from __future__ import annotations

from qiskit.circuit import ParameterVector, QuantumCircuit

from qvunet.ansatz.base import PIXELS, Ansatz, layered, require_at_least


def fqconv(num_layers: int = 1, num_channels: int = 3) -> Ansatz:
    """FQConv: controlled rotations between equal pixels of different channels.

    For each (control, target) register pair, with three channels (0, 2), (2, 1), (1, 0): block C, a CRZ
    for each pixel 3, 2, 1, 0, then block D, a CRX for each pixel. Pixels never mix.

    Args:
        num_layers: repetitions of the layer, at least 1; each has its own weights.
        num_channels: registers, at least 2; 3 gives 12 qubits and 24 weights a layer.

    Raises:
        UserError: if an argument is below its minimum.
    """
    require_at_least("num_channels", num_channels, 2)
    descending = list(range(num_channels - 1, 0, -1))
    registers = list(zip([0, *descending], [*descending, 0], strict=True))
    pixels = range(PIXELS - 1, -1, -1)

    def layer(circuit: QuantumCircuit, angles: ParameterVector) -> None:
        angle = iter(angles)
        for control, target in registers:
            for gate in (circuit.crz, circuit.crx):
                for p in pixels:
                    gate(next(angle), PIXELS * control + p, PIXELS * target + p)

    return layered("fqconv", PIXELS * num_channels, num_layers, 2 * PIXELS * len(registers), layer)
