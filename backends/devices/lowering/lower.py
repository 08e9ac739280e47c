"""From the independent parts of a program to native gates on a device."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import qiskit
import rustworkx as rx
from qiskit.providers import BackendV2

from backends.circuits.structure import Component
from backends.devices.device import SubDevice, no_room, require_qubits
from backends.devices.lowering import beam, hops, routing
from backends.devices.lowering.bound import bound_skeleton
from backends.devices.lowering.coupler import COUPLING_GATES, can_merge, couplers, has_fractional
from backends.devices.lowering.embedding import embed
from backends.devices.lowering.emission import Part
from backends.devices.lowering.hops import Prices
from backends.devices.lowering.native import native_gates
from backends.devices.lowering.routing import Route, find_routes
from backends.devices.lowering.skeleton import Skeleton
from backends.errors import UserError
from backends.kept import kept
from backends.options import Lowering

CANDIDATES = 5
"""Cheapest routes that are tried where the chip has no room left for the cheapest."""

BOUND_SEARCHES = 4
"""Searches for routes of which the best is taken, where the lowering is bound: it is for many executions."""


@dataclass(frozen=True)
class _Plan:
    """What components of one shape share: a skeleton and its routes."""

    skeleton: Skeleton
    routes: list[Route]


def choose(lowering: Lowering | None, device: BackendV2) -> Lowering:
    """The lowering for a device: the one asked for, else merged where the device has the gates for it.

    Raises:
        UserError: if the device lacks the gates for the one asked for.
    """
    chosen = lowering or ("merged" if can_merge(device.target) else "pauli")
    if chosen != "pauli" and not can_merge(device.target):
        raise UserError(
            f"lowering = {chosen}: needs the gates rz, sx and one of {', '.join(COUPLING_GATES)}; "
            f"{device.name} has {', '.join(sorted(device.target.operation_names))}: take pauli"
        )
    if chosen == "fractional" and not has_fractional(device.target):
        raise UserError(f"lowering = fractional: {device.name} has no rzz gate; allowed: pauli, merged")
    return chosen


def by_readings(lowering: Lowering | None, paulis: Iterable[str]) -> list[Lowering | None]:
    """The lowerings that are exact for what is read, the one to try first first.

    All but bound are exact for whatever is read. Bound is so in Z alone, and may refuse rows at run time by
    `NotBound`.

    Args:
        lowering: the one asked for, None for the device's own.
        paulis: labels that are read.
    """
    if lowering != "bound":
        return [lowering]
    only_z = all(set(label) <= {"I", "Z"} for label in paulis)
    return ["bound", "merged"] if only_z else ["merged"]


def lower(
    components: Sequence[Component], device: BackendV2, lowering: Lowering = "merged", *, seed: int = 0
) -> list[Part]:
    """Compile for a device, each part on qubits of its own, the largest first on the best.

    Args:
        components: of a program without controls.
        device: where it is to run.
        lowering: merged, fractional (RZZ gates of any angle) or bound (see `bound`).
        seed: of the searches.

    Returns:
        The components in native gates, for `emit`. From ``|0...0>`` together they make the program's state,
        up to global phase; where they are bound they give the program's probabilities of outcomes in Z.

    Raises:
        UserError: if the device lacks gates or has no room.
    """
    ordered = sorted(components, key=lambda component: -len(component.qubits))
    sizes = [len(component.qubits) for component in ordered]
    require_qubits(device, sum(sizes))
    placer = _Placer(device, lowering, seed)
    parts = list(placer.in_turn(ordered))
    if len(parts) < len(ordered):
        parts = placer.together(ordered)
    if not parts:
        raise no_room(device, sizes)
    return parts


def lower_in_turn(
    components: Iterable[Component], device: BackendV2, lowering: Lowering = "merged", *, seed: int = 0
) -> Iterator[Part]:
    """Compile one component after another, each on the best qubits that are left, until one finds no room.

    The arguments are those of `lower`, but components may go on for ever.

    Raises:
        UserError: if the device lacks gates.
    """
    return _Placer(device, lowering, seed).in_turn(components)


class _Placer:
    """Gives components qubits that no other has."""

    def __init__(self, device: BackendV2, lowering: Lowering, seed: int) -> None:
        choose(lowering, device)
        self._device = SubDevice(device, range(device.num_qubits))  # without what is broken
        self._couplings = couplers(self._device.target)
        self._fractional, self._bound = lowering == "fractional", lowering == "bound"
        self._prices = Prices(1 if self._fractional else 2)
        self._seed = seed
        self._plans: dict[object, _Plan] = {}

    def plan(self, component: Component) -> _Plan:
        """For components of this shape; their routes may lead anywhere on the chip."""
        if component.shape not in self._plans:
            plan = self._planned(
                Skeleton.of(
                    component.operations,
                    len(component.qubits),
                    len(component.angles),
                    read_in_z=self._bound,
                )
            )
            self._plans[component.shape] = (self._bound and self._bound_plan(component, plan)) or plan
        return self._plans[component.shape]

    def _planned(self, skeleton: Skeleton) -> _Plan:
        return _Plan(skeleton, self._routes(skeleton, range(self._device.num_qubits)))

    def _bound_plan(self, component: Component, merged: _Plan) -> _Plan | None:
        """One with fewer gates than merged, if there is any."""
        if not merged.routes:
            return None
        skeleton = bound_skeleton(component, merged.routes[0].gates(merged.skeleton, self._prices) - 1)
        return None if skeleton is None else self._planned(skeleton)

    def in_turn(self, components: Iterable[Component]) -> Iterator[Part]:
        """Each on the best qubits that the ones before have left, until they have left too few."""
        free = list(range(self._device.num_qubits))
        for component in components:
            plan = self.plan(component)
            # What fits nowhere in the rest may fit there in another form.
            route = self._embedded(plan, free) or self._embedded(
                _Plan(plan.skeleton, self._routes(plan.skeleton, free)), free
            )
            if route is None:
                return
            yield self._part(component, route)
            free = [qubit for qubit in free if qubit not in route.wires]

    def together(self, components: Sequence[Component]) -> list[Part]:
        """All at once, as a chip asks for that is hardly larger than the circuit; none if it is smaller."""
        plans = [self.plan(component) for component in components]
        if not all(plan.routes for plan in plans):
            return []
        parts = [(plan.skeleton, plan.routes[0]) for plan in plans]
        routes = embed(parts, self._prices, self._device.target, self._seed) or []
        return [self._part(*pair) for pair in zip(components, routes, strict=False)]

    def _part(self, component: Component, route: Route) -> Part:
        skeleton = self.plan(component).skeleton
        gates = native_gates(route, skeleton, self._couplings, fractional=self._fractional)
        return Part(component, skeleton, route, gates)

    def _embedded(self, plan: _Plan, free: Sequence[int]) -> Route | None:
        target = SubDevice(self._device, free).target
        for route in plan.routes[:CANDIDATES]:
            found = embed([(plan.skeleton, route)], self._prices, target, self._seed)
            if found is not None:
                return found[0].on(free)
        return None

    def _routes(self, skeleton: Skeleton, free: Sequence[int]) -> list[Route]:
        """Over the largest connected part of the device that is free."""
        graph = rx.PyGraph()
        graph.add_nodes_from(free)
        coupling = SubDevice(self._device, free).target.build_coupling_map()
        graph.add_edges_from_no_data(list(coupling.get_edges()) if coupling else [])
        largest = max(rx.connected_components(graph), key=len, default=set())
        if len(largest) < skeleton.num_qubits:
            return []
        part = SubDevice(self._device, [free[k] for k in sorted(largest)])
        searches = BOUND_SEARCHES if self._bound and skeleton.num_qubits > 3 else 1
        seeds = range(self._seed * searches, (self._seed + 1) * searches)
        coupling = part.target.build_coupling_map()
        question = [
            [skeleton.num_qubits, skeleton.interactions, self._prices.rotation, list(seeds)],
            sorted(coupling.get_edges()),
            [routing.STARTS_PER_QUBIT, routing.REFINED_STARTS, routing.ROUND_TRIPS, beam.WIDTH, CANDIDATES],
            qiskit.__version__,
        ]

        def answer() -> list[Any]:
            found = [find_routes(skeleton, coupling, self._prices, seed) for seed in seeds]
            best = min(found, key=lambda r: r[0].gates(skeleton, self._prices) if r else math.inf)
            return [route.written() for route in best[:CANDIDATES]]

        return [Route.read(each) for each in kept("routes", question, [routing, beam, hops], answer)]
