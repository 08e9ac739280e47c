"""Diagnostics as tables, and what they come to in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console

from qvunet.diagnostics.expressibility import Divergence
from qvunet.diagnostics.network import CircuitDiagnostics
from qvunet.diagnostics.simulation import format_bytes
from qvunet.tools.tables import TableOf, print_tables

GRADIENT_COLUMNS = ("circuit", "qubits>", "layers>", "first observable>", "all observables>", "samples>")
SPECTRUM_COLUMNS = ("circuit", "frequency>", "share of power>", "least input>", "greatest input>")
STATE_COLUMNS = (
    "circuit", "qubits", "expressibility>", "Haar's>", "evenly binned>", "Haar's>", "entanglement Q>",
    "pairs>",
)  # fmt: skip
CONE_COLUMNS = ("circuit", "observable", "gates>", "of>", "qubits>", "which")
SIMULATION_COLUMNS = (
    "circuit", "independent parts", "state>", "largest light cone>", "bond at most>", "product state>",
)  # fmt: skip


def print_diagnostics(found: Sequence[CircuitDiagnostics], console: Console | None = None) -> None:
    """Print tables and findings.

    Args:
        found: of a network.
        console: where to; by default stdout.
    """
    console = console or Console()
    print_tables(_tables(found), console)
    for each in found:
        for line in each.findings():
            console.print(f"{each.title}: {line}", highlight=False, soft_wrap=True)


def _tables(found: Sequence[CircuitDiagnostics]) -> Iterator[TableOf]:
    groups = (
        ("Variance of d<O>/dw over random weights and inputs", GRADIENT_COLUMNS, _gradient_rows),
        ("Fourier spectrum along an input, at the network's weights", SPECTRUM_COLUMNS, _spectrum_rows),
        ("States at random weights and inputs", STATE_COLUMNS, _state_rows),
        ("Light cones", CONE_COLUMNS, _cone_rows),
        ("Classical simulation: memory of one state", SIMULATION_COLUMNS, _simulation_rows),
    )
    for title, columns, rows_of in groups:
        rows = [row for each in found for row in rows_of(each)]
        if rows:
            yield title, columns, rows


def _gradient_rows(found: CircuitDiagnostics) -> Iterator[Sequence[str]]:
    scan = found.gradients
    if scan is None:
        return
    for row in dict.fromkeys((*scan.layers, *scan.qubits, scan.own)):
        layers = str(row.num_layers or "-")
        first, every = _with_error(row.first, row.first_error), _with_error(row.mean, row.mean_error)
        yield found.name, str(row.num_qubits), layers, first, every, str(row.samples)


def _spectrum_rows(found: CircuitDiagnostics) -> Iterator[Sequence[str]]:
    if found.spectrum is None:
        return
    seen = found.spectrum
    columns = zip(seen.frequencies, seen.shares, zip(*seen.power, strict=True), strict=True)
    for frequency, share, powers in columns:
        least, greatest = f"{min(powers):.3g}", f"{max(powers):.3g}"
        yield found.title, f"{frequency:g}", f"{100 * share:.2f} %", least, greatest


def _state_rows(found: CircuitDiagnostics) -> Iterator[Sequence[str]]:
    for each in found.expressibility:
        divergences = [cell for one in (each.sim, each.even) for cell in _divergence(one)]
        measure = f"{each.entanglement:.4f} +- {each.entanglement_error:.4f}"
        yield found.title, _numbers(each.qubits), *divergences, measure, f"{each.samples:,}"


def _cone_rows(found: CircuitDiagnostics) -> Iterator[Sequence[str]]:
    for cone in found.cones:
        which = _numbers(cone.qubits)
        yield found.title, cone.observable, str(cone.gates), str(cone.all_gates), str(len(cone.qubits)), which


def _simulation_rows(found: CircuitDiagnostics) -> Iterator[Sequence[str]]:
    parts, cone = found.simulation.parts, found.simulation.cone_bytes
    sizes = sorted({len(part.qubits) for part in parts}, reverse=True)
    counts = [(sum(len(part.qubits) == size for part in parts), size) for size in sizes]
    yield (
        found.title,
        ", ".join(f"{count} of {size} qubit{'s' * (size > 1)}" for count, size in counts),
        format_bytes(sum(part.state_bytes for part in parts)),
        format_bytes(cone),
        f"{max(part.bond for part in parts):,}",
        format_bytes(sum(part.product_bytes for part in parts)),
    )


def _divergence(found: Divergence) -> tuple[str, str]:
    return f"{found.value:.3f} +- {found.error:.3f}", f"{found.haar:.3f}"


def _with_error(value: float, error: float) -> str:
    return f"{value:.3g} +- {error:.1g}"


def _numbers(qubits: Sequence[int]) -> str:
    """As in ``0-11`` or ``0, 4, 8``."""
    if len(qubits) > 2 and qubits[-1] - qubits[0] == len(qubits) - 1:
        return f"{qubits[0]}-{qubits[-1]}"
    return ", ".join(map(str, qubits))
