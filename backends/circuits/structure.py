"""What a program's interaction graph says before anything is simulated.

Qubits that share a gate are neighbours. The connected components of that graph never become entangled,
so each is its own small circuit (FQConv is four of three qubits). Inside a component a *bridge*, an edge
whose removal disconnects it, carries all entanglement between its two sides; what remains when the
bridges are cut are the component's *registers* (HQConv's three rings of four qubits).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import rustworkx as rx

from backends.circuits.program import Fixed, Operation, Program


@dataclass(frozen=True)
class Component:
    """A part of a program on its own qubits.

    Attributes:
        qubits: the program's qubits in ascending order; operations use positions in this tuple.
        operations: renumbered; a rotation's `angle` counts the component's rotations from 0.
        angles: for each of those, the row of the program's angle map.
    """

    qubits: tuple[int, ...]
    operations: tuple[Operation, ...]
    angles: tuple[int, ...]

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for components that are the same circuit but for which angles their rotations take."""
        operations = ((o.qubits, o.matrix.tobytes()) if isinstance(o, Fixed) else o for o in self.operations)
        return (len(self.qubits), *operations)


def components(program: Program) -> list[Component]:
    """Split a program into its independent parts, ordered by their first qubit."""
    groups = rx.connected_components(interaction_graph(program.num_qubits, program.operations))
    owner = {qubit: k for k, group in enumerate(groups) for qubit in group}
    operations: list[list[Operation]] = [[] for _ in groups]
    for operation in program.operations:
        operations[owner[operation.qubits[0]]].append(operation)
    parts = [_component(sorted(group), ops) for group, ops in zip(groups, operations, strict=True)]
    return sorted(parts, key=lambda part: part.qubits)


def classes(program: Program) -> list[list[Component]]:
    """The components, those together that have one shape and read inputs in the same places."""
    reads_inputs = np.any(program.angles.inputs_matrix, axis=1)
    shapes: defaultdict[object, list[Component]] = defaultdict(list)
    for component in components(program):
        shapes[component.shape, *reads_inputs[list(component.angles)]].append(component)
    return list(shapes.values())


def registers(component: Component) -> list[list[int]]:
    """Cut a component at its bridges into a chain of registers.

    Returns:
        The qubits (positions in the component) of each register, neighbours in the list joined by one
        bridge; the whole component as one register when the cuts give a tree that is no chain.
    """
    size = len(component.qubits)
    graph = interaction_graph(size, component.operations)
    uncuttable = {
        tuple(sorted(o.qubits))
        for o in component.operations
        if isinstance(o, Fixed) and control_of(o) is None
    }
    edges = cast(set[tuple[int, int]], rx.bridges(graph))
    bridges = [edge for edge in edges if tuple(sorted(edge)) not in uncuttable]
    graph.remove_edges_from(bridges)
    parts = [sorted(part) for part in rx.connected_components(graph)]
    owner = {qubit: k for k, part in enumerate(parts) for qubit in part}
    tree = rx.PyGraph(multigraph=False)
    tree.add_nodes_from(range(len(parts)))
    tree.add_edges_from_no_data([(owner[a], owner[b]) for a, b in bridges])
    if any(tree.degree(k) > 2 for k in tree.node_indices()):
        return [list(range(size))]
    start = min((k for k in tree.node_indices() if tree.degree(k) < 2), key=lambda k: parts[k])
    return [parts[k] for k in _path(tree, start)]


def control_of(operation: Fixed) -> int | None:
    """Which position of a two-qubit constant gate controls it (CX: 0), or None if neither does."""
    if len(operation.qubits) != 2:
        return None
    tensor = operation.matrix.reshape(2, 2, 2, 2)  # out0, out1, in0, in1
    if np.allclose(tensor[0, :, 1], 0) and np.allclose(tensor[1, :, 0], 0):
        return 0
    if np.allclose(tensor[:, 0, :, 1], 0) and np.allclose(tensor[:, 1, :, 0], 0):
        return 1
    return None


def interaction_graph(num_qubits: int, operations: Iterable[Operation]) -> rx.PyGraph:
    """One node a qubit, one edge a pair of qubits that share an operation."""
    graph = rx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(num_qubits))
    for operation in operations:
        qubits = operation.qubits
        pairs = [(a, b) for k, a in enumerate(qubits) for b in qubits[k + 1 :]]
        graph.add_edges_from_no_data(pairs)
    return graph


def _component(qubits: list[int], operations: list[Operation]) -> Component:
    position = {qubit: k for k, qubit in enumerate(qubits)}
    angles: list[int] = []
    local: list[Operation] = []
    for operation in operations:
        if isinstance(operation, Fixed):
            local.append(replace(operation, qubits=tuple(position[q] for q in operation.qubits)))
            continue
        targets = tuple(position[q] for q in operation.targets)
        controls = tuple(position[q] for q in operation.controls)
        local.append(replace(operation, targets=targets, controls=controls, angle=len(angles)))
        angles.append(operation.angle)
    return Component(tuple(qubits), tuple(local), tuple(angles))


def _path(tree: rx.PyGraph, start: int) -> list[int]:
    """The nodes of a path graph in order."""
    order = [start]
    while following := [k for k in tree.neighbors(order[-1]) if k not in order[-2:]]:
        order += following
    return order
