"""Where on a chip a route goes: the qubits with the best calibration that are coupled as it needs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from qiskit.circuit import QuantumCircuit
from qiskit.passmanager import PropertySet
from qiskit.transpiler import Target
from qiskit.transpiler.passes import VF2Layout
from qiskit.transpiler.passes.layout.vf2_utils import ErrorMap

from backends.devices.lowering.hops import Prices
from backends.devices.lowering.routing import Route
from backends.devices.lowering.skeleton import Skeleton

CALL_LIMIT = 200_000
"""Steps of the search for places, which take under a second."""


def embed(
    parts: Sequence[tuple[Skeleton, Route]], prices: Prices, target: Target, seed: int
) -> list[Route] | None:
    """Routes on the qubits of a chip, None if there is no room for all.

    Args:
        parts: routes on wires numbered from 0, and what is routed.
        prices: of the chip's gates.
        target: of the chip.
        seed: of the search.
    """
    first = [0, *accumulate(route.num_wires for _, route in parts)]
    if first[-1] > target.num_qubits:
        return None
    pattern = QuantumCircuit(first[-1])
    for offset, (skeleton, route) in zip(first, parts, strict=False):
        for wire in route.end:
            pattern.id(offset + wire)  # stands for the measurement
        for hop in route.hops:
            for _ in range(prices.of(hop, skeleton.interactions)):
                pattern.cz(offset + hop.wires[0], offset + hop.wires[1])
    properties = PropertySet()
    properties["vf2_avg_error_map"] = error_map(target)
    VF2Layout(target=target, seed=seed, call_limit=CALL_LIMIT)(pattern, property_set=properties)
    layout = properties["layout"]
    if layout is None:
        return None
    places = [layout[qubit] for qubit in pattern.qubits]
    return [route.on(places[offset:]) for offset, (_, route) in zip(first, parts, strict=False)]


def error_map(target: Target) -> ErrorMap:
    """Errors of readout and of each coupling's best gate; one that the target does not tell counts as 0."""
    errors: dict[tuple[int, int], float] = {}
    for name in target.operation_names:
        for place, found in (target[name] or {}).items():
            if place is not None and (name == "measure" or len(place) == 2):
                error = 0.0 if found is None or found.error is None else found.error
                key = (place[0], place[-1])
                errors[key] = min(error, errors.get(key, error))
    made = ErrorMap(len(errors))
    for key, error in errors.items():
        made.add_error(key, error)
    return made
