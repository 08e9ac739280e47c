"""What a compiled circuit costs on its device."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from qiskit.circuit import QuantumCircuit
from qiskit.transpiler import Target

from backends.devices.calibration import success_probability
from qvunet.reports.depth.compile import Compiled


@dataclass(frozen=True)
class Metrics:
    """Of one circuit.

    Attributes:
        two_qubit_gates: how many.
        two_qubit_depth: of them one after another.
        depth: of all gates but RZ, which takes no time.
        swaps: that routing put in; those merged with a rotation cost one gate more, not three.
        duration_us: to the end of the readout, by the target's timings.
        success: product of 1 - error over all gates and readouts.
        success_idle: that, and for each waiting qubit the average fidelity of its relaxation by T1 and T2.
        seconds: it took to compile.
    """

    two_qubit_gates: int
    two_qubit_depth: int
    depth: int
    swaps: int
    duration_us: float
    success: float
    success_idle: float
    seconds: float


NAMES = tuple(field.name for field in fields(Metrics))
HIGHER_IS_BETTER = frozenset({"success", "success_idle"})


def measure(compiled: Compiled, target: Target, seconds: float) -> Metrics:
    """Count, and estimate from the target's calibration."""
    circuit, measured = compiled.circuit, compiled.measured
    success = success_probability(circuit, target, measured)
    end, idle = _timing(circuit, target, measured)
    waiting = math.prod(_relaxed(target, qubit, time) for qubit, time in idle.items())
    return Metrics(
        circuit.num_nonlocal_gates(),
        circuit.depth(lambda item: len(item.qubits) == 2),
        circuit.depth(lambda item: item.operation.name not in ("rz", "barrier")),
        compiled.swaps,
        1e6 * end,
        success,
        success * waiting,
        seconds,
    )


def _timing(circuit: QuantumCircuit, target: Target, measured: list[int]) -> tuple[float, dict[int, float]]:
    """The end of the readout, all gates as early as can be, and how long each qubit waits in all.

    Until a qubit's first two-qubit gate it need not wait: what comes before can be put off.
    """
    clock: dict[int, float] = {}
    idle: dict[int, float] = {}

    def run(name: str, qubits: tuple[int, ...], start: float) -> None:
        for qubit in qubits:
            if qubit in idle:
                idle[qubit] += start - clock[qubit]
            elif len(qubits) == 2:
                idle[qubit] = 0.0
            clock[qubit] = start + _duration(target, name, qubits)

    for item in circuit.data:
        qubits = tuple(circuit.find_bit(qubit).index for qubit in item.qubits)
        run(item.operation.name, qubits, max(clock.get(qubit, 0.0) for qubit in qubits))
    readout = max(clock.values(), default=0.0)
    for qubit in measured:
        run("measure", (qubit,), readout)
    return max(clock.values(), default=0.0), idle


def _duration(target: Target, name: str, qubits: tuple[int, ...]) -> float:
    if name not in target.operation_names:
        return 0.0
    return getattr((target[name] or {}).get(qubits), "duration", None) or 0.0


def _relaxed(target: Target, qubit: int, seconds: float) -> float:
    """Average fidelity of a qubit left alone; amplitude damping and dephasing."""
    properties = target.qubit_properties[qubit] if target.qubit_properties else None
    t1, t2 = getattr(properties, "t1", None), getattr(properties, "t2", None)
    if not t1 or not t2:
        return 1.0
    return 1 / 2 + math.exp(-seconds / t1) / 6 + math.exp(-seconds / min(t2, 2 * t1)) / 3
