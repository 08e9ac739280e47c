"""A search for SWAPs that knows what each costs: one that merges with an interaction costs a third."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backends.devices.lowering.hops import Hop, Prices
from backends.devices.lowering.skeleton import Interaction

WIDTH = 8
"""Routings that are followed at the same time."""

SWAPS_PER_INTERACTION = 12
"""After so many the search gives up, as where the qubits are on parts of a chip that are not connected."""

PROGRESS, DISTANCE, DECAY = 6.0, 4.0, 0.7
"""What one more interaction done is worth, in two-qubit gates; what one wire between the qubits of the next
one costs; and by how much less, for each interaction that must come before. Found by trial on HQConv and
FQConv; their neighbourhood does as well."""


@dataclass(frozen=True)
class Routing:
    """Interactions done so far, and what had to be done for them.

    Attributes:
        where: wire of each qubit.
        done: for each qubit how many of its interactions.
        hops: in order.
        latest: for each wire that was used the number of its last hop.
        depths: for each wire that was used.
        gates: two-qubit gates.
    """

    where: tuple[int, ...]
    done: tuple[int, ...]
    hops: tuple[Hop, ...]
    latest: Mapping[int, int]
    depths: Mapping[int, int]
    gates: int

    @property
    def depth(self) -> int:
        """Two-qubit gates in the longest chain."""
        return max(self.depths.values(), default=0)

    @property
    def cost(self) -> float:
        """See `Prices.cost`."""
        return Prices.cost(self.gates, self.depth, len(self.where))


class BeamSearch:
    """Finds routings of one skeleton.

    Args:
        interactions: of the skeleton.
        num_qubits: of the skeleton.
        distances: between wires, (num_wires, num_wires).
        prices: of the device.
    """

    def __init__(
        self,
        interactions: Sequence[Interaction],
        num_qubits: int,
        distances: Sequence[Sequence[float]],
        prices: Prices,
    ) -> None:
        self._interactions = interactions
        self._distances = distances
        self._neighbours = [[w for w, d in enumerate(row) if d == 1] for row in distances]
        self._prices = prices
        self._queues = [[k for k, i in enumerate(interactions) if q in i.qubits] for q in range(num_qubits)]
        self._ranks = [
            tuple(self._queues[qubit].index(k) for qubit in interaction.qubits)
            for k, interaction in enumerate(interactions)
        ]

    def run(self, start: Sequence[int]) -> Routing | None:
        """The cheapest routing found.

        Args:
            start: wire of each qubit.
        """
        beam = [self._advanced(Routing(tuple(start), (0,) * len(start), (), {}, {}, 0))]
        best: Routing | None = None
        for _ in range(SWAPS_PER_INTERACTION * len(self._interactions) + 1):
            finished = [routing for routing in beam if not self._left(routing)]
            best = min([*finished, *([best] if best else [])], key=lambda r: r.cost, default=None)
            beam = [r for r in beam if self._left(r) and (best is None or r.cost < best.cost)]
            if not beam:
                break
            beam = self._followed(beam)
        return best

    def _followed(self, beam: Sequence[Routing]) -> list[Routing]:
        """The best that one more SWAP makes of them."""
        found: dict[object, tuple[float, Routing]] = {}
        for routing in beam:
            for pair in self._useful_pairs(routing):
                following = self._advanced(self._swapped(routing, pair))
                scored = self._score(following), following
                key = following.where, following.done
                found[key] = min(scored, found.get(key, scored), key=lambda s: s[0])
        return [routing for _, routing in sorted(found.values(), key=lambda s: s[0])[:WIDTH]]

    def _left(self, routing: Routing) -> int:
        return 2 * len(self._interactions) - sum(routing.done)

    def _score(self, routing: Routing) -> float:
        ahead = PROGRESS * self._left(routing) / 2
        for interaction, (rank_a, rank_b) in zip(self._interactions, self._ranks, strict=True):
            a, b = interaction.qubits
            before = rank_a - routing.done[a] + rank_b - routing.done[b]
            if before >= 0:
                apart = self._distances[routing.where[a]][routing.where[b]] - 1
                ahead += DISTANCE * DECAY**before * apart
        # Interactions must be done in any case: only what they cost beyond the rotation counts.
        return routing.cost + ahead + self._prices.rotation * self._left(routing) / 2

    def _ready(self, routing: Routing) -> Iterator[int]:
        """Interactions that wait for nothing but their qubits to be neighbours."""
        for qubit, queue in enumerate(self._queues):
            if routing.done[qubit] < len(queue):
                k = queue[routing.done[qubit]]
                a, b = self._interactions[k].qubits
                if qubit == a and routing.done[b] == self._ranks[k][1]:
                    yield k

    def _useful_pairs(self, routing: Routing) -> list[tuple[int, int]]:
        wires = {routing.where[qubit] for k in self._ready(routing) for qubit in self._interactions[k].qubits}
        return sorted({(min(w, n), max(w, n)) for w in wires for n in self._neighbours[w]})

    def _advanced(self, routing: Routing) -> Routing:
        """Do all interactions that can be done where the qubits are."""
        while (k := next(self._possible(routing), None)) is not None:
            a, b = self._interactions[k].qubits
            done = tuple(count + (qubit in (a, b)) for qubit, count in enumerate(routing.done))
            hop = Hop((routing.where[a], routing.where[b]), k, False)
            routing = self._with(routing, hop, routing.where, done)
        return routing

    def _possible(self, routing: Routing) -> Iterator[int]:
        for k in self._ready(routing):
            a, b = self._interactions[k].qubits
            if self._distances[routing.where[a]][routing.where[b]] == 1:
                yield k

    def _swapped(self, routing: Routing, pair: tuple[int, int]) -> Routing:
        exchange = dict([pair, pair[::-1]])
        where = tuple(exchange.get(wire, wire) for wire in routing.where)
        return self._with(routing, Hop(pair, None, True), where, routing.done)

    def _with(self, routing: Routing, hop: Hop, where: tuple[int, ...], done: tuple[int, ...]) -> Routing:
        """Append a hop, or merge it with the latest one of both its wires."""
        hops, latest = routing.hops, routing.latest
        number, other = (latest.get(wire) for wire in hop.wires)
        merged = hops[number].merged(hop) if number is not None and number == other else None
        if merged is not None and number is not None:
            price = self._price(merged) - self._price(hops[number])
            hops = (*hops[:number], merged, *hops[number + 1 :])
        else:
            price = self._price(hop)
            latest = {**latest, **dict.fromkeys(hop.wires, len(hops))}
            hops = (*hops, hop)
        depth = max(routing.depths.get(wire, 0) for wire in hop.wires) + price
        depths = {**routing.depths, **dict.fromkeys(hop.wires, depth)}
        return Routing(where, done, hops, latest, depths, routing.gates + price)

    def _price(self, hop: Hop) -> int:
        return self._prices.of(hop, self._interactions)
