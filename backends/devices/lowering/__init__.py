"""Circuits made cheap for hardware: one two-qubit rotation where the logical circuit has several gates.

The way of a program: `blocks` finds multiplexors, `edges` those that cost half, `skeleton` makes one RZZ of
each, `routing` brings the qubits together, `embedding` picks the chip's best qubits, `native` writes CZ or
fractional RZZ gates and `emission` a Qiskit circuit. All depends on the circuit alone; `Lowered.values`
computes its gates' angles for any number of parameter sets.
"""

from backends.devices.lowering.bound import NotBound
from backends.devices.lowering.emission import Lowered, Part, emit
from backends.devices.lowering.lower import by_readings, choose, lower, lower_in_turn

__all__ = ["Lowered", "NotBound", "Part", "by_readings", "choose", "emit", "lower", "lower_in_turn"]
