"""What a routed skeleton consists of, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backends.devices.lowering.skeleton import Interaction

IDLE = 0.1
"""What a qubit loses while a two-qubit gate is at work elsewhere, over what such a gate loses. On Heron chips
that is 0.07 us of a T1 and T2 of 150 us against 0.4 %."""


@dataclass(frozen=True)
class Hop:
    """What happens between two neighbouring wires.

    Attributes:
        wires: the interaction's first and second qubit are here before it.
        interaction: which of the skeleton's; None for a mere SWAP.
        swap: whether the wires then change places.
    """

    wires: tuple[int, int]
    interaction: int | None
    swap: bool

    def merged(self, following: Hop) -> Hop | None:
        """This and the next hop of the same wires as one, if they are an interaction and a SWAP."""
        if self.interaction is None and following.interaction is not None and not following.swap:
            return Hop(following.wires[::-1], following.interaction, True)  # where they are before the SWAP
        if following.interaction is None and not self.swap:
            return replace(self, swap=True)
        return None


@dataclass(frozen=True)
class Prices:
    """Two-qubit gates that a device needs for a hop.

    Attributes:
        rotation: for an RZZ of any angle; 2 with CZ alone.
    """

    rotation: int

    def of(self, hop: Hop, interactions: Sequence[Interaction]) -> int:
        """Two-qubit gates of one hop."""
        if hop.interaction is not None and interactions[hop.interaction].is_clifford:
            return 2 if hop.swap else 1
        return 3 if hop.swap else self.rotation

    @staticmethod
    def cost(gates: int, depth: int, num_qubits: int) -> float:
        """Errors of a circuit, in those of a gate.

        Args:
            gates: two-qubit gates in all.
            depth: longest chain of them.
            num_qubits: that wait meanwhile.
        """
        return gates + IDLE * num_qubits * depth
