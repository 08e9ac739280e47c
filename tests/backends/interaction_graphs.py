"""Circuits drawn by their interaction graph: which pairs of qubits meet, in which order, by which gates.

The methods of the exact engine are chosen by this graph, so its shapes are what a test must not miss.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from hypothesis import strategies as st
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit

from tests.backends.random_circuits import STANDARD_GATES, TestAnsatz

Edges = list[tuple[int, int]]


def line(n: int) -> Edges:
    """0-1-2-..."""
    return list(itertools.pairwise(range(n)))


def ring(n: int) -> Edges:
    """A line whose ends meet."""
    return [*line(n), (n - 1, 0)] if n > 2 else line(n)


def star(n: int) -> Edges:
    """All around qubit 0."""
    return [(0, k) for k in range(1, n)]


def tree(n: int) -> Edges:
    """Binary."""
    return [((k - 1) // 2, k) for k in range(1, n)]


def ladder(n: int) -> Edges:
    """Two lines with rungs."""
    half = n // 2
    rails = [*line(half), *((half + a, half + b) for a, b in line(half))]
    return rails + [(k, half + k) for k in range(half)]


def brick(n: int) -> Edges:
    """Even pairs, then odd ones."""
    return [(k, k + 1) for start in (0, 1) for k in range(start, n - 1, 2)]


def complete(n: int) -> Edges:
    """Every pair."""
    return list(itertools.combinations(range(n), 2))


def pairs(n: int) -> Edges:
    """Disconnected pairs; an odd qubit is left alone."""
    return [(k, k + 1) for k in range(0, n - 1, 2)]


SHAPES: dict[str, Callable[[int], Edges]] = {
    each.__name__: each for each in (line, ring, star, tree, ladder, brick, complete, pairs)
}
ROTATIONS = ("rx", "ry", "rz", "p")
CONTROLLED = ("crx", "cry", "crz", "cp", "rxx", "ryy", "rzz", "rzx")
CONSTANT = ("cx", "cz", "cy", "ch", "swap", "iswap", "ecr", "csx", "dcx")
MAX_ENTANGLERS = 40


@st.composite
def graph_circuits(
    draw: st.DrawFn, max_qubits: int = 8, max_layers: int = 4, min_qubits: int = 1
) -> TestAnsatz:
    """Any of `SHAPES`, or random edges with repetitions, on shuffled qubits, in up to `max_layers` layers.

    Inputs enter by leading Rx gates, by other rotations, again between layers, or not at all.
    """
    n = draw(st.integers(min_qubits, max_qubits))
    edges = _edges(draw, n)
    inputs, weights = ParameterVector("x", n), ParameterVector("w", 60)
    angles = iter(weights)
    circuit = QuantumCircuit(n)
    _encode(draw, circuit, inputs, draw(st.sampled_from(["rx", "rx", "ry", "mixed", "none"])))
    uploads_again = draw(st.integers(0, 3)) == 0
    gates = draw(st.sampled_from([CONTROLLED, CONTROLLED, (*CONTROLLED, *CONSTANT), ("cx", "cz"), ("crx",)]))
    locals_first = draw(st.booleans())
    num_layers = draw(st.integers(0, max_layers))
    for layer in range(num_layers):
        if uploads_again and layer:
            _encode(draw, circuit, inputs, "mixed")
        if locals_first:
            _rotate(draw, circuit, angles)
        for a, b in edges[: MAX_ENTANGLERS // num_layers]:
            _entangle(draw, circuit, draw(st.permutations((a, b))), gates, angles)
    used = circuit.parameters
    return TestAnsatz(circuit, [x for x in inputs if x in used], [w for w in weights if w in used])


def _edges(draw: st.DrawFn, n: int) -> Edges:
    shape = draw(st.sampled_from([*SHAPES, "random", "repeated"]))
    order = draw(st.permutations(range(n)))
    if shape in SHAPES:
        return [(order[a], order[b]) for a, b in SHAPES[shape](n)]
    possible = complete(n)
    if not possible:
        return []
    chosen = draw(st.lists(st.sampled_from(possible), max_size=2 * n))
    return chosen if shape == "random" else [edge for edge in chosen[:3] for _ in range(3)]


def _encode(draw: st.DrawFn, circuit: QuantumCircuit, inputs: Sequence[Parameter], kind: str) -> None:
    for qubit, angle in enumerate(inputs):
        name = draw(st.sampled_from(ROTATIONS)) if kind == "mixed" else kind
        if name != "none" and draw(st.integers(0, 5)) > 0:
            circuit.append(STANDARD_GATES[name].base_class(angle), [qubit])


def _rotate(draw: st.DrawFn, circuit: QuantumCircuit, angles: itertools.chain[Parameter]) -> None:
    for qubit in range(circuit.num_qubits):
        angle = next(angles, 0.7)
        circuit.append(STANDARD_GATES[draw(st.sampled_from(ROTATIONS))].base_class(angle), [qubit])


def _entangle(
    draw: st.DrawFn,
    circuit: QuantumCircuit,
    where: Sequence[int],
    gates: Sequence[str],
    angles: itertools.chain[Parameter],
) -> None:
    template = STANDARD_GATES[draw(st.sampled_from(gates))]
    values = [next(angles, 0.7) if draw(st.integers(0, 4)) else 0.4 for _ in template.params]
    circuit.append(template.base_class(*values), where)
