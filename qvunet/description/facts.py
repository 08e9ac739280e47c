"""What is said of a network: blocks in order, their sizes, and the circuits in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from backends import CircuitLayer
from backends.circuits.expressions import program_of
from backends.circuits.program import Ansatz, Operation


@dataclass(frozen=True)
class CircuitGroup:
    """Equal circuits side by side in a residual unit.

    Attributes:
        block: name of the block.
        place: where in it, a value of `MIXER_PLACES`.
        ansatz: circuit.
        num_circuits: how many.
        num_weights: of them together; of one if they are shared.
        num_patches: 2x2 patches of one image's map that each of them reads.
        depth: layers of gates of the circuit as it is written down.
        two_qubit_depth: layers of gates on two qubits or more.
    """

    block: str
    place: str
    ansatz: Ansatz
    num_circuits: int
    num_weights: int
    num_patches: int
    depth: int
    two_qubit_depth: int

    @property
    def num_qubits(self) -> int:
        """Qubits of one circuit."""
        return self.ansatz.circuit.num_qubits

    @property
    def rows(self) -> int:
        """Parameter sets that one image asks for: circuits times patches."""
        return self.num_circuits * self.num_patches


@dataclass(frozen=True)
class Block:
    """A part of the network that works at one place of its path.

    Attributes:
        name: in the network, such as ``down.level1_a``.
        kind: ``embedding``, ``stem``, ``head`` or a kind of `StageSpec`.
        label: what it is, for people.
        shape: (C, H, W) of its output; (E,) of the embedding.
        num_parameters: all its weights.
        level: of resolution, 1 for the full image; 0 for the embedding.
        skip: whether its output is kept for the up path, or its input joined with what was kept.
        circuits: in it, in order of evaluation.
        control: what stands in the place of its circuits, if anything; see `qvunet.cores.controls`.
    """

    name: str
    kind: str
    label: str
    shape: tuple[int, ...]
    num_parameters: int
    level: int
    skip: bool = False
    circuits: tuple[CircuitGroup, ...] = ()
    control: str | None = None

    @property
    def num_quantum(self) -> int:
        """Weights of its circuits."""
        return sum(group.num_weights for group in self.circuits)

    @property
    def num_classical(self) -> int:
        """All its other weights."""
        return self.num_parameters - self.num_quantum


@dataclass(frozen=True)
class Description:
    """A network in facts.

    Attributes:
        name: what it is, for people.
        note: how to read its picture.
        ansatz: registered name of its circuits; None if there are none.
        num_layers: ansatz layers of each.
        blocks: embedding, stem, down path, vertex, up path, head; a denoiser of codes has no stem and no
            paths.
    """

    name: str
    note: str
    ansatz: str | None
    num_layers: int
    blocks: tuple[Block, ...]

    @property
    def circuits(self) -> list[CircuitGroup]:
        """Those of all blocks."""
        return [group for block in self.blocks for group in block.circuits]

    def path(self, name: str) -> list[Block]:
        """The blocks of ``stem``, ``down``, ``vertex``, ``up`` or ``head``, in order."""
        return [block for block in self.blocks if block.name.split(".")[0] == name]


def circuit_group(block: str, place: str, layer: CircuitLayer, rows: int, num_circuits: int) -> CircuitGroup:
    """What is said of a layer.

    Args:
        block: name of its block.
        place: where in it.
        layer: of circuits.
        rows: parameter sets that it evaluates for one example.
        num_circuits: side by side.
    """
    ansatz = layer.ansatz
    operations = program_of(ansatz).operations
    return CircuitGroup(
        block,
        place,
        ansatz,
        num_circuits,
        layer.weight.numel(),
        rows // num_circuits,
        _depth(operations),
        _depth([operation for operation in operations if len(operation.qubits) > 1]),
    )


def count_parameters(module: nn.Module) -> int:
    """All its weights."""
    return sum(parameter.numel() for parameter in module.parameters())


def _depth(operations: Sequence[Operation]) -> int:
    """Layers when each operation is applied as early as its qubits are free."""
    busy: defaultdict[int, int] = defaultdict(int)
    for operation in operations:
        layer = 1 + max(busy[qubit] for qubit in operation.qubits)
        busy.update(dict.fromkeys(operation.qubits, layer))
    return max(busy.values(), default=0)
