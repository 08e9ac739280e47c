"""What is compared with what: the cases of each suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qvunet.reports.benchmark.problem import DENSE
from qvunet.reports.benchmark.system import Case, System

SYSTEMS = "qvunet.reports.benchmark.systems"
"""Where the modules are."""

JAX_PEERS = {
    "pennylane_jax": ("PennyLane default.qubit, JAX jit + vmap", ("pennylane", "jax")),
    "tensorcircuit_jax": ("tensorcircuit-ng, JAX jit + vmap", ("tensorcircuit", "jax")),
}
"""Module to name and what it needs; the fastest peers, and so those that growth is compared with."""

PEERS = JAX_PEERS | {
    "pennylane_torch": ("PennyLane default.qubit, torch broadcast", ("pennylane",)),
    "deepquantum_layer": ("DeepQuantum", ("deepquantum",)),
    "pennylane_lightning": ("PennyLane lightning.qubit, adjoint", ("pennylane", "pennylane_lightning")),
    "pennylane_single": ("PennyLane, one sample at a time", ("pennylane",)),
    "stock_qnn": ("stock EstimatorQNN + Aer, parameter-shift", ("qiskit_aer", "qiskit_machine_learning")),
}
"""Every peer of the layer."""

FRACTIONS = (0.1, 0.5, 1.0)
"""Hybridisation of the compact network in De Falco et al."""


@dataclass(frozen=True)
class Request:
    """What the command line asked for.

    Attributes:
        rows: samples in a batch.
        peers: keys of `PEERS` to measure.
        capece: checkout of Capece's repository, if there is one.
        defalco: checkout of De Falco et al.'s repository, if there is one.
        precisions: of our training steps, ``float32`` and ``bfloat16``.
    """

    rows: int
    peers: Sequence[str]
    capece: str | None
    defalco: str | None
    precisions: Sequence[str]


def layer_suite(request: Request) -> Iterator[Case]:
    """Forward and backward of the 12-qubit circuits against every peer."""
    for ansatz in ("hqconv", "fqconv"):
        for num_layers in (1, 3):
            yield _layer_case(ansatz, request.rows, request.peers, num_layers=num_layers)


def step_suite(request: Request) -> Iterator[Case]:
    """Whole training steps: hybrid against classical."""
    for precision in request.precisions:
        bfloat16 = precision == "bfloat16"
        systems = [_step("classical", request.rows, bfloat16)]
        for ansatz in ("hqconv", "fqconv"):
            systems += [_hybrid_step(ansatz, fraction, request.rows, bfloat16) for fraction in FRACTIONS]
        systems.append(_step("quanv, hqconv, 1 layer", request.rows, bfloat16, ansatz="hqconv", quanv=True))
        yield Case(f"compact network, 3 layers, {precision}, {request.rows} images", tuple(systems))


def program_suite(request: Request) -> Iterator[Case]:
    """Whole training steps: ours against the predecessors' programs."""
    wide = {"preset": "wide", "ansatz": "hqconv"}
    capece = _program("Capece", "capece", request.capece, request.rows, ("pennylane",), ansatz="hqconv")
    yield _programs("wide network, hqconv, 10 %", capece, request.precisions, wide)
    defalco = _program("De Falco et al.", "defalco", request.defalco, request.rows, ("jax", "flax", "optax"))
    yield _programs("compact network, classical", defalco, request.precisions, {})


def aer_suite(request: Request) -> Iterator[Case]:
    """Parameter-shift on Aer, ours against stock, a sample."""
    for ansatz in ("hqconv", "fqconv"):
        systems = [
            _own_layer(f"aer_statevector, batch of {rows}", rows, ansatz=ansatz, backend="aer_statevector")
            for rows in dict.fromkeys((request.rows, 1))
        ]
        systems.append(_peer("stock_qnn", 1, ansatz=ansatz))
        yield Case(f"{ansatz}, parameter-shift on Aer", tuple(systems), _reference(ansatz=ansatz))


def tutorial_suite(request: Request) -> Iterator[Case]:
    """Examples of Qiskit Machine Learning's tutorials, ours against stock."""
    from qvunet.reports.benchmark.tutorials import EXAMPLES, for_dimension  # Qiskit and torch

    for name, make in EXAMPLES.items():
        example = make()
        settings, rows = {"example": name, "stock": False}, len(example.rows)
        title = f"{example.title}; {rows} row{'s'[: rows > 1]}"
        reference = System("reference", f"{SYSTEMS}.tutorial", settings | {"dtype": "float64"}, rows)
        sampled = example.of_samples  # which nothing exact agrees with
        yield _ours_and_stock(title, "tutorial", settings, rows, None if sampled else reference, sampled)
    for local in (False, True):
        _, inputs, weights = for_dimension(local)
        settings, rows = {"local": local, "stock": False}, len(inputs) * len(weights)
        title = f"10: {'local' if local else 'global'} effective dimension; {rows} pairs"
        reference = System("reference", f"{SYSTEMS}.dimension", settings, rows)
        yield _ours_and_stock(title, "dimension", settings, rows, reference, sampled=False)


def growth_suite(request: Request) -> Iterator[Case]:
    """How time and memory grow with samples, ansatz layers, qubits and hybridisation."""
    peers = [peer for peer in request.peers if peer in JAX_PEERS]
    for rows in (1, 8, 64, 512):
        yield _layer_case("hqconv", rows, peers, "samples, hqconv, 1 layer", rows)
    for ansatz in ("hqconv", "fqconv"):
        for num_layers in (1, 2, 4):
            axis = f"layers, {ansatz}, {request.rows} samples"
            yield _layer_case(ansatz, request.rows, peers, axis, num_layers, num_layers=num_layers)
    rows = min(request.rows, 4)  # JAX keeps every intermediate state: 8 MB a gate and sample at 20 qubits
    for registers in (1, 2, 3, 4, 5):
        axis = f"qubits, hqconv, 1 layer, {rows} samples"
        yield _layer_case("hqconv", rows, peers, axis, 4 * registers, num_channels=registers)
    for qubits in (4, 8, 12, 16, 20):
        axis = f"qubits, basic entangler, 1 layer, {rows} samples"
        yield _layer_case("basic_entangler", rows, peers, axis, qubits, num_qubits=qubits)
    for fraction in (0.1, 0.25, 0.5, 0.75, 1.0):
        systems = [_step("classical", request.rows, False)]
        hybrids = [_hybrid_step(ansatz, fraction, request.rows, False) for ansatz in ("hqconv", "fqconv")]
        systems += [replace(hybrid, name=hybrid.settings["ansatz"]) for hybrid in hybrids]  # one line each
        title = f"compact network, 3 layers, {fraction:.0%}"
        yield Case(
            title, tuple(systems), None, f"hybridisation, training step, {request.rows} images", fraction
        )


def dense_suite(request: Request) -> Iterator[Case]:
    """Circuits that need all their amplitudes: layers of rotations and a ring of CNOTs."""
    peers = [peer for peer in request.peers if peer in JAX_PEERS]
    for rows in (4, request.rows):
        for ansatz, num_layers in ((DENSE, 3), ("basic_entangler", 1)):
            for qubits in (8, 10, 12):
                axis = f"qubits, {ansatz.rpartition(':')[2]}, {rows} samples"
                options = {"num_qubits": qubits, "num_layers": num_layers}
                yield _layer_case(ansatz, rows, peers, axis, qubits, **options)


SUITES: dict[str, Callable[[Request], Iterator[Case]]] = {
    "layer": layer_suite,
    "step": step_suite,
    "programs": program_suite,
    "aer": aer_suite,
    "growth": growth_suite,
    "dense": dense_suite,
    "tutorials": tutorial_suite,
}
"""Every suite, in the order of ``--suite all``."""


def _ours_and_stock(
    title: str, module: str, settings: dict[str, Any], rows: int, reference: System | None, sampled: bool
) -> Case:
    ours = System("qvunet statevector", f"{SYSTEMS}.{module}", settings, rows)
    requires = ("qiskit_machine_learning",)
    name = f"stock {'SamplerQNN' if sampled else 'EstimatorQNN'}"
    stock = System(name, f"{SYSTEMS}.{module}", settings | {"stock": True}, rows, requires, peer=True)
    return Case(title, (ours, stock), reference)


def _layer_case(
    ansatz: str, rows: int, peers: Sequence[str], axis: str = "", value: float = 0.0, **options: int
) -> Case:
    """Our layer first, then peers; stock parameter-shift gets one sample, which takes it long enough."""
    options = {"num_layers": 1} | options
    systems = [_own_layer("qvunet statevector", rows, ansatz=ansatz, **options)]
    systems += [_peer(peer, 1 if peer == "stock_qnn" else rows, ansatz=ansatz, **options) for peer in peers]
    described = ", ".join(f"{key} {number}" for key, number in options.items())
    title = f"{ansatz.rpartition(':')[2]}, {described}, {rows} samples"
    return Case(title, tuple(systems), _reference(ansatz=ansatz, **options), axis, value)


def _own_layer(name: str, rows: int, **settings: Any) -> System:
    return System(name, f"{SYSTEMS}.own_layer", {"backend": "statevector"} | settings, rows)


def _reference(**settings: Any) -> System:
    return _own_layer("reference", 1, dtype="float64", **settings)


def _peer(module: str, rows: int, **settings: Any) -> System:
    name, requires = PEERS[module]
    return System(name, f"{SYSTEMS}.{module}", settings, rows, requires, peer=True)


def _step(name: str, rows: int, bfloat16: bool, **options: Any) -> System:
    return System(name, f"{SYSTEMS}.own_step", {"bfloat16": bfloat16} | options, rows)


def _hybrid_step(ansatz: str, fraction: float, rows: int, bfloat16: bool) -> System:
    options = {"ansatz": ansatz, "hybridization": fraction, "num_layers": 3}
    return _step(f"{ansatz}, {fraction:.0%}", rows, bfloat16, **options)


def _program(
    name: str, module: str, directory: str | None, rows: int, requires: tuple[str, ...], **settings: Any
) -> System:
    unavailable = "" if directory else f"give its checkout with --{module}"
    settings["directory"] = directory
    return System(name, f"{SYSTEMS}.{module}", settings, rows, requires, peer=True, unavailable=unavailable)


def _programs(title: str, peer: System, precisions: Sequence[str], options: dict[str, Any]) -> Case:
    systems = [
        _step(f"qvunet, {precision}", peer.rows, precision == "bfloat16", **options)
        for precision in precisions
    ]
    return Case(f"{title}, {peer.rows} images", (*systems, peer))
