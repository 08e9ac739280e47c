"""Pictures of a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from qiskit.circuit import Gate, QuantumCircuit
from qiskit.visualization import circuit_drawer

from qvunet.reports.depth.study import Case
from qvunet.tools.files import replacing

PANELS = {
    "two_qubit_gates": "two-qubit gates",
    "two_qubit_depth": "two-qubit depth",
    "duration_us": "duration with readout, µs",
    "success_idle": "estimated success, idling included",
}
COLOURS = {
    "stock": "tab:gray",
    "stock_bound": "tab:brown",
    "pauli": "tab:olive",
    "merged": "tab:blue",
    "fractional": "tab:green",
    "bound": "tab:red",
}


def write_plot(path: Path, cases: Sequence[Case], title: str) -> None:
    """One panel a metric: for each case every seed as a dot and the median as a bar."""
    figure = Figure(figsize=(12, 7), layout="constrained")
    FigureCanvasAgg(figure)  # needs no display
    figure.suptitle(title)
    groups = list(dict.fromkeys((case.ansatz, case.layers) for case in cases))
    lowerings = list(dict.fromkeys(case.lowering for case in cases))
    width = 0.8 / len(lowerings)
    for axes, (metric, label) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
        for k, lowering in enumerate(lowerings):
            own = [case for case in cases if case.lowering == lowering]
            x = [
                groups.index((case.ansatz, case.layers)) + (k - (len(lowerings) - 1) / 2) * width
                for case in own
            ]
            bars = axes.bar(
                x, [case.median(metric) for case in own], 0.9 * width, color=COLOURS[lowering], label=lowering
            )
            axes.bar_label(bars, fmt="{:.3g}", fontsize=9, color="white", label_type="center")
            for place, case in zip(x, own, strict=True):
                values = [getattr(seed, metric) for seed in case.seeds]
                axes.scatter([place] * len(values), values, s=8, color="black", alpha=0.35, linewidths=0)
        axes.set_xticks(
            range(len(groups)), [f"{name}, {layers} layer{'s'[: layers > 1]}" for name, layers in groups]
        )
        axes.set_title(label, fontsize=10)
        axes.margins(y=0.15)
    axes.legend(fontsize=8)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)


def write_drawing(path: Path, case: Case) -> None:
    """The best circuit, its single-qubit gates between two-qubit gates as one box U."""
    figure = circuit_drawer(
        _with_boxes(case.best), output="mpl", fold=60, scale=0.6, style={"name": "clifford", "fontsize": 10}
    )
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=90, bbox_inches="tight")


def _with_boxes(circuit: QuantumCircuit) -> QuantumCircuit:
    boxed, pending = QuantumCircuit(circuit.num_qubits), set[int]()

    def flush(qubit: int) -> None:
        if qubit in pending:
            boxed.append(Gate("U", 1, []), [qubit])
            pending.discard(qubit)

    for item in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in item.qubits]
        if len(qubits) == 1:
            pending.update(qubits)
        elif item.operation.name != "barrier":
            for qubit in qubits:
                flush(qubit)
            boxed.append(
                Gate(item.operation.name, 2, []) if item.operation.params else item.operation, qubits
            )
    for qubit in range(circuit.num_qubits):
        flush(qubit)
    return boxed
