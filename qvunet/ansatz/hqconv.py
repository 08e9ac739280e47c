"""HQConv: pixels mix within each channel, then channels with each other (De Falco et al., figure 4)."""

from __future__ import annotations

from qiskit.circuit import ParameterVector, QuantumCircuit

from qvunet.ansatz.base import PIXELS, Ansatz, layered, require_at_least


def hqconv(num_layers: int = 1, num_channels: int = 3) -> Ansatz:
    """HQConv: a ring of controlled rotations in each register, then one pair between neighbours.

    Each pair is CRZ then CRX, control to target. A layer holds, in this order, an A block for each
    register ``r`` (pixels 0->3, 3->2, 2->1, 1->0) and the B blocks that join the registers' first qubits,
    last channel first (for three channels 4->8, then 0->4).

    Args:
        num_layers: repetitions of the layer, at least 1; each has its own weights.
        num_channels: registers; 3 gives 12 qubits and 28 weights a layer.

    Raises:
        UserError: if an argument is below its minimum.
    """
    require_at_least("num_channels", num_channels, 1)
    rings = [[(0, 3), (3, 2), (2, 1), (1, 0)] for _ in range(num_channels)]
    pairs = [(PIXELS * r + c, PIXELS * r + t) for r, ring in enumerate(rings) for c, t in ring]
    pairs += [(PIXELS * (r - 1), PIXELS * r) for r in range(num_channels - 1, 0, -1)]

    def layer(circuit: QuantumCircuit, angles: ParameterVector) -> None:
        for k, (control, target) in enumerate(pairs):
            circuit.crz(angles[2 * k], control, target)
            circuit.crx(angles[2 * k + 1], control, target)

    return layered("hqconv", PIXELS * num_channels, num_layers, 2 * len(pairs), layer)
