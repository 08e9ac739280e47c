"""Waiting as a part of a circuit, so that a simulator lets qubits decay meanwhile.

Aer's noise models know what relaxation does in a time, but see no time in a circuit without delays.
"""

from __future__ import annotations

from qiskit.circuit import QuantumCircuit
from qiskit.transpiler import PassManager, Target
from qiskit.transpiler.passes import ALAPScheduleAnalysis, PadDelay, TimeUnitConversion


def with_delays(circuit: QuantumCircuit, target: Target) -> QuantumCircuit:
    """Write a circuit's idle times as delays, gates as late as can be.

    Args:
        circuit: in the target's gates; one that has delays already is taken to be scheduled.
        target: with the duration of every gate.
    """
    if "delay" in circuit.count_ops():
        return circuit
    passes = [TimeUnitConversion(target=target), ALAPScheduleAnalysis(target=target), PadDelay(target=target)]
    return PassManager(passes).run(circuit)
