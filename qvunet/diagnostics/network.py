"""The diagnostics of all circuits of a network."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from backends import CircuitLayer
from backends.circuits.program import Ansatz
from qvunet.diagnostics.cones import Cone, light_cones
from qvunet.diagnostics.expressibility import Expressibility, expressibility
from qvunet.diagnostics.gradients import GradientScan, scan_gradients
from qvunet.diagnostics.simulation import Simulation, simulation_cost
from qvunet.diagnostics.spectrum import Spectrum, spectrum
from qvunet.diagnostics.trend import trend
from qvunet.models.network import HybridNetwork
from qvunet.tools.files import write_text
from qvunet.tools.progress import ProgressReporter

STEPS = 4
"""Of the work on a circuit, for the progress bar."""


@dataclass(frozen=True)
class CircuitDiagnostics:
    """What is found about one circuit, however often a network holds it.

    Attributes:
        name: of the ansatz.
        num_qubits: of the circuit.
        num_weights: of the circuit.
        num_circuits: weight sets of the network.
        cones: light cones.
        simulation: what it costs.
        spectrum: at the network's weights, averaged over its circuits; None if there is none.
        expressibility: at random parameters: of the whole, then of components; empty if too large.
        gradients: at random parameters; None without weights.
    """

    name: str
    num_qubits: int
    num_weights: int
    num_circuits: int
    cones: tuple[Cone, ...]
    simulation: Simulation
    spectrum: Spectrum | None
    expressibility: tuple[Expressibility, ...]
    gradients: GradientScan | None

    @property
    def title(self) -> str:
        """As in ``hqconv, 3 layers`` or, for other circuits, ``mine``."""
        layers = self.gradients.own.num_layers if self.gradients else 0
        return f"{self.name}, {layers} layer{'s' * (layers > 1)}" if layers else self.name

    def findings(self) -> list[str]:
        """What it comes to, in words."""
        found = []
        if self.gradients is not None:
            found += [f"gradient variance {line}" for line in _trends(self.gradients)]
        if self.spectrum is not None:
            found.append(f"along each input no frequency above {self.spectrum.highest:g}")
        return [*found, self.simulation.verdict]

    def as_dict(self) -> dict[str, Any]:
        """As in diagnostics.json."""
        return {"title": self.title, **asdict(self), "findings": self.findings()}


def diagnose(model: HybridNetwork, seed: int = 0) -> list[CircuitDiagnostics]:
    """Look at each different circuit of a network; none if it holds none.

    Args:
        model: the network, with the weights at which spectra are wanted.
        seed: of random parameters.
    """
    groups: dict[tuple[object, ...], list[CircuitLayer]] = {}
    for layer in model.circuit_layers().values():
        a = layer.ansatz
        groups.setdefault((a.name, a.circuit.num_qubits, len(a.inputs), len(a.weights)), []).append(layer)
    found = []
    with ProgressReporter("diagnostics", STEPS * len(groups), "steps") as reporter:
        for number, layers in enumerate(groups.values()):
            ansatz = layers[0].ansatz
            sets = [layer.weight.detach().cpu().double().reshape(-1, len(ansatz.weights)) for layer in layers]
            on_step = partial(_report, reporter, STEPS * number)
            found.append(diagnose_circuit(ansatz, torch.cat(sets), seed, on_step))
    return found


def _report(reporter: ProgressReporter, before: int, done: int) -> None:
    reporter.update(before + done)


def diagnose_circuit(
    ansatz: Ansatz, weights: Tensor, seed: int = 0, on_step: Callable[[int], None] = lambda done: None
) -> CircuitDiagnostics:
    """Look at a circuit.

    Args:
        ansatz: the circuit.
        weights: (C, num_weights), radians, at which its spectrum is wanted.
        seed: of random parameters.
        on_step: called with the steps done, of `STEPS`.
    """
    cones = light_cones(ansatz)
    simulation = simulation_cost(ansatz, cones)
    on_step(1)
    frequencies = spectrum(ansatz, weights, seed=seed)
    on_step(2)
    states = expressibility(ansatz, seed=seed)
    on_step(3)
    gradients = scan_gradients(ansatz, seed=seed) if ansatz.weights else None
    on_step(4)
    return CircuitDiagnostics(
        ansatz.name,
        ansatz.circuit.num_qubits,
        len(ansatz.weights),
        len(weights),
        cones,
        simulation,
        frequencies,
        states,
        gradients,
    )


def write_diagnostics(found: Sequence[CircuitDiagnostics], weights: str, path: Path) -> None:
    """Save as JSON.

    Args:
        found: of a network.
        weights: at which spectra were taken: ``initial`` or ``trained``.
        path: the file.
    """
    record = {"weights": weights, "circuits": [each.as_dict() for each in found]}
    write_text(path, json.dumps(record, indent=2) + "\n")


def _trends(scan: GradientScan) -> list[str]:
    told = []
    for rows, unit in ((scan.layers, "layer"), (scan.qubits, "qubit")):
        if not rows:
            continue
        sizes = [row.num_layers if unit == "layer" else row.num_qubits for row in rows]
        told.append(trend(sizes, [row.first for row in rows], [row.first_error for row in rows], unit))
    return told
