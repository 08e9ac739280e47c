"""All cases of a report: every ansatz, number of layers and lowering with every seed on one device."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median

from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2

from backends.devices.device import restrict
from qvunet.ansatz import make_ansatz
from qvunet.reports.depth.compile import Lowering, compile_ansatz
from qvunet.reports.depth.devices import with_rzz
from qvunet.reports.depth.metrics import HIGHER_IS_BETTER, Metrics, measure


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        ansatz: its name.
        layers: of the ansatz.
        lowering: how it was compiled.
        seeds: what each seed gave.
        best: of the seeds' circuits the one with the greatest `success_idle`, on the qubits that it uses.
        qubits: of the chip that those are.
    """

    ansatz: str
    layers: int
    lowering: Lowering
    seeds: Sequence[Metrics]
    best: QuantumCircuit
    qubits: Sequence[int]

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.ansatz}_{self.layers}_{self.lowering}"

    def median(self, metric: str) -> float:
        """Over the seeds."""
        return median(getattr(seed, metric) for seed in self.seeds)

    def best_of(self, metric: str) -> float:
        """Over the seeds."""
        pick = max if metric in HIGHER_IS_BETTER else min
        return pick(getattr(seed, metric) for seed in self.seeds)


@dataclass(frozen=True)
class Study:
    """What is compiled.

    Attributes:
        device: for what.
        ansaetze: names.
        layers: numbers of layers.
        lowerings: ways to compile.
        optimization_level: of Qiskit's transpiler.
        seeds: how many, from 0.
    """

    device: BackendV2
    ansaetze: Sequence[str]
    layers: Sequence[int]
    lowerings: Sequence[Lowering]
    optimization_level: int
    seeds: int

    def __len__(self) -> int:
        return len(self.ansaetze) * len(self.layers) * len(self.lowerings) * self.seeds

    def device_for(self, lowering: Lowering) -> BackendV2:
        """The device, with fractional gates where the lowering needs them."""
        return with_rzz(self.device)[0] if lowering == "fractional" else self.device

    def run(self, step: Callable[[str], None]) -> Iterator[Case]:
        """Compile everything; `step` is told of each circuit."""
        for ansatz, layers, lowering in product(self.ansaetze, self.layers, self.lowerings):
            yield self._case(ansatz, layers, lowering, step)

    def _case(self, name: str, layers: int, lowering: Lowering, step: Callable[[str], None]) -> Case:
        ansatz, device = make_ansatz(name, num_layers=layers), self.device_for(lowering)
        seeds: list[Metrics] = []
        best = None
        for seed in range(self.seeds):
            started = time.perf_counter()
            compiled = compile_ansatz(ansatz, device, lowering, self.optimization_level, seed)
            found = measure(compiled, device.target, time.perf_counter() - started)
            if best is None or found.success_idle > max(s.success_idle for s in seeds):
                best = restrict(compiled.circuit, device)
            seeds.append(found)
            step(f"{name} {layers} {lowering}")
        if best is None:
            raise ValueError("a case needs at least one seed")
        circuit, part = best
        return Case(name, layers, lowering, seeds, circuit, part.chip_qubits)


def ratio(case: Case, cases: Sequence[Case], metric: str, to: Lowering = "stock") -> float | None:
    """The case's median over that of another lowering, if that was compiled too."""
    others = [c for c in cases if (c.ansatz, c.layers, c.lowering) == (case.ansatz, case.layers, to)]
    return case.median(metric) / others[0].median(metric) if others and others[0].median(metric) else None
