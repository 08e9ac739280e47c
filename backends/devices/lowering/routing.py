"""Routing a skeleton over a chip, with SWAPs merged into the interactions beside them.

An RZZ and a SWAP of the same pair need three CZ together, not five: any two-qubit gate needs at most three.
Single-qubit unitaries pass through a SWAP by changing wires, so an interaction next to a SWAP of its pair
always merges. Where the qubits start is taken from many random searches of Qiskit's SABRE, which is quick
on a dozen qubits; from there `BeamSearch` counts what SWAPs really cost, forward and back as SABRE does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from qiskit.circuit import Gate, QuantumCircuit
from qiskit.transpiler import CouplingMap, PassManager
from qiskit.transpiler.passes import SabreLayout, VF2Layout

from backends.devices.lowering.beam import BeamSearch, Routing
from backends.devices.lowering.hops import Hop, Prices
from backends.devices.lowering.skeleton import Skeleton

STARTS_PER_QUBIT = 8
"""Random searches for where the qubits start, for each qubit that there is."""

REFINED_STARTS = 12
"""The best of them from which the search goes to the circuit's end and back."""

ROUND_TRIPS = 3
"""How often it does."""


@dataclass(frozen=True)
class Route:
    """A skeleton on wires of which only neighbours meet.

    Attributes:
        num_wires: how many.
        hops: in order.
        start: the wire of each qubit at the beginning.
        end: at the end.
    """

    num_wires: int
    hops: tuple[Hop, ...]
    start: tuple[int, ...]
    end: tuple[int, ...]

    @classmethod
    def on_used_wires(cls, hops: Iterable[Hop], start: Sequence[int], end: Sequence[int]) -> Route:
        """Forget the wires that nothing happens on."""
        route = cls(0, tuple(hops), tuple(start), tuple(end))
        index = {wire: k for k, wire in enumerate(sorted(route.wires))}
        return replace(route, num_wires=len(index)).on(index)

    def on(self, places: Sequence[int] | dict[int, int]) -> Route:
        """The same with wire w called `places[w]`."""
        hops = (replace(hop, wires=(places[hop.wires[0]], places[hop.wires[1]])) for hop in self.hops)
        start, end = (tuple(places[wire] for wire in wires) for wires in (self.start, self.end))
        return replace(self, hops=tuple(hops), start=start, end=end)

    @property
    def wires(self) -> set[int]:
        """Those that something happens on or that a qubit is on."""
        return {wire for hop in self.hops for wire in hop.wires}.union(self.start)

    def gates(self, skeleton: Skeleton, prices: Prices) -> int:
        """Two-qubit gates that it takes."""
        return sum(prices.of(hop, skeleton.interactions) for hop in self.hops)

    def written(self) -> list[Any]:
        """For a file; `read` reads it."""
        hops = [[*hop.wires, hop.interaction, hop.swap] for hop in self.hops]
        return [self.num_wires, hops, self.start, self.end]

    @classmethod
    def read(cls, written: Sequence[Any]) -> Route:
        """From what `written` has written."""
        num_wires, hops, start, end = written
        made = (Hop((first, second), interaction, swap) for first, second, interaction, swap in hops)
        return cls(num_wires, tuple(made), tuple(start), tuple(end))

    def moves(self) -> dict[int, int]:
        """For each wire where its content ends up."""
        content = {wire: wire for wire in self.wires}
        for hop in self.hops:
            if hop.swap:
                a, b = hop.wires
                content[a], content[b] = content[b], content[a]
        return {start: wire for wire, start in content.items()}


def find_routes(skeleton: Skeleton, coupling: CouplingMap, prices: Prices, seed: int) -> list[Route]:
    """Routes over a chip, the cheapest first.

    Args:
        skeleton: whose qubits are all connected by interactions.
        coupling: of the chip.
        prices: of the chip's gates.
        seed: of the searches.
    """
    circuit = QuantumCircuit(skeleton.num_qubits)
    for k, interaction in enumerate(skeleton.interactions):
        circuit.append(Gate(str(k), 2, []), interaction.qubits)
    distances = coupling.distance_matrix.tolist()
    forward, backward = (
        BeamSearch(interactions, skeleton.num_qubits, distances, prices)
        for interactions in (skeleton.interactions, skeleton.interactions[::-1])
    )
    # A start without SWAPs is the best there is.
    starts = _perfect_start(circuit, coupling, seed) or dict.fromkeys(_starts(circuit, coupling, seed))
    found = {start: routing for start in starts if (routing := forward.run(start))}
    for start in sorted(found, key=lambda s: found[s].cost)[:REFINED_STARTS]:
        found |= islice(_round_trips(found[start], forward, backward), ROUND_TRIPS)
    routes = [(r.cost, Route.on_used_wires(r.hops, start, r.where)) for start, r in found.items()]
    return [
        route for _, route in sorted(routes, key=lambda found: (found[0], found[1].num_wires, str(found[1])))
    ]


def _perfect_start(circuit: QuantumCircuit, coupling: CouplingMap, seed: int) -> list[tuple[int, ...]]:
    manager = PassManager([VF2Layout(coupling, seed=seed, max_trials=1)])
    manager.run(circuit)
    layout = manager.property_set["layout"]
    return [] if layout is None else [tuple(layout[qubit] for qubit in circuit.qubits)]


def _starts(circuit: QuantumCircuit, coupling: CouplingMap, seed: int) -> Iterator[tuple[int, ...]]:
    searches = STARTS_PER_QUBIT * circuit.num_qubits
    for k in range(seed * searches, (seed + 1) * searches):
        routed = PassManager([SabreLayout(coupling, seed=k, swap_trials=1, layout_trials=1)]).run(circuit)
        yield tuple(routed.layout.initial_index_layout(filter_ancillas=True))


def _round_trips(
    routing: Routing | None, forward: BeamSearch, backward: BeamSearch
) -> Iterator[tuple[tuple[int, ...], Routing]]:
    while routing is not None and (back := backward.run(routing.where)) is not None:
        routing = forward.run(back.where)
        if routing is not None:
            yield back.where, routing
