"""Where the blocks of a network go in its picture: two arms and, between them at the bottom, the vertex."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from qvunet.description.facts import Block, CircuitGroup, Description

WIDTH = 12.4
"""Inches of the picture; all lengths are in inches."""

ARM_WIDTH, VERTEX_WIDTH = 4.15, 5.0
"""Of the boxes of the down and the up path, and of the vertex."""

LINE, GAP, INDENT, MARGIN = 0.26, 0.15, 0.3, 0.3
"""A line of text, the space between boxes, a level's step towards the centre, the picture's margin."""


@dataclass(frozen=True)
class Box:
    """A block in its place; heights are counted downwards from the picture's upper edge.

    Attributes:
        block: what it shows.
        left: its left edge.
        top: its upper edge.
        width: of the box.
        inside: lines about its circuits or their control, below the line about the block.
    """

    block: Block
    left: float
    top: float
    width: float
    inside: tuple[str, ...]

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.top + LINE * (1 + len(self.inside))

    @property
    def centre(self) -> float:
        """Middle between left and right."""
        return self.left + self.width / 2

    @property
    def first_line(self) -> float:
        """Middle of the line about the block."""
        return self.top + LINE / 2


@dataclass(frozen=True)
class Layout:
    """All boxes.

    Attributes:
        down: from the stem to the last before the vertex.
        vertex: of the vertex.
        up: from the first after the vertex to the head.
    """

    down: list[Box]
    vertex: list[Box]
    up: list[Box]

    @property
    def bottom(self) -> float:
        """Lower edge of the lowest box."""
        return self.vertex[-1].bottom

    @property
    def skips(self) -> list[tuple[Box, Box]]:
        """Every box whose output is kept, and the one that takes it; the newest is taken first."""
        takers = [box for box in reversed(self.up) if box.block.skip]
        return list(zip((box for box in self.down if box.block.skip), takers, strict=True))


def lay_out(description: Description, top: float) -> Layout:
    """Place every block but the embedding; the two ends of a skip connection at one height.

    Args:
        description: the network.
        top: where the first row begins.
    """
    layout = Layout([], [], [])
    left = [*description.path("stem"), *description.path("down")]
    right = [*description.path("head"), *reversed(description.path("up"))]
    for down, up in _rows(left, right):
        row = []
        if down is not None:
            edge = MARGIN + INDENT * (down.level - 1)
            row.append(_box(down, edge, top, ARM_WIDTH))
            layout.down.append(row[-1])
        if up is not None:
            edge = WIDTH - MARGIN - INDENT * (up.level - 1) - ARM_WIDTH
            row.append(_box(up, edge, top, ARM_WIDTH))
            layout.up.insert(0, row[-1])
        top = max(box.bottom for box in row) + GAP
    for block in description.path("vertex"):
        layout.vertex.append(_box(block, (WIDTH - VERTEX_WIDTH) / 2, top + GAP, VERTEX_WIDTH))
        top = layout.vertex[-1].bottom
    return layout


def circuit_lines(groups: Sequence[CircuitGroup]) -> tuple[str, ...]:
    """What a block's circuits are, a line for each place in it, or one line if all places hold the same."""
    places: dict[str, list[str]] = {}
    for group in groups:
        text = f"{group.num_circuits} x {group.ansatz.name} on {group.num_qubits} qubits"
        patches = f", {group.num_patches} patches" if group.num_patches > 1 else ""
        places.setdefault(group.place, []).append(text + patches)
    lines = [(place, " + ".join(texts)) for place, texts in places.items()]
    if len(lines) > 1 and len({text for _, text in lines}) == 1:
        lines = [("each half", lines[0][1])]
    return tuple(f"{place}: {text}" for place, text in lines)


def _box(block: Block, left: float, top: float, width: float) -> Box:
    inside = circuit_lines(block.circuits)
    if block.control is not None:
        inside = (f"{block.control} in the circuits' place",)
    return Box(block, left, top, width, inside)


def _rows(left: Sequence[Block], right: Sequence[Block]) -> Iterator[tuple[Block | None, Block | None]]:
    """Blocks side by side, top to bottom: both skip the same connections in the same order."""
    for down, up in zip_longest(_runs(left), _runs(right), fillvalue=()):
        yield from zip_longest(down, up)


def _runs(blocks: Sequence[Block]) -> list[list[Block]]:
    """Cut before every block with a skip connection; the first run has none."""
    runs: list[list[Block]] = [[]]
    for block in blocks:
        if block.skip:
            runs.append([])
        runs[-1].append(block)
    return runs
