"""Ways to fight a device's errors, as options of `ibm_runtime`, and what a simulator can say about each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Method:
    """One way.

    Attributes:
        options: of the backend.
        means: what is done, for people.
        simulated: what a simulator with a recorded calibration shows of it, and what it cannot.
    """

    options: dict[str, Any]
    means: str
    simulated: str


METHODS = {
    "none": Method(
        {"resilience_level": 0},
        "counts as they come",
        "gate errors, relaxation and readout errors of the calibration",
    ),
    "readout": Method(
        {"resilience_level": 1},
        "readout twirled, its damping measured and divided out (TREX)",
        "in full: the calibration circuits meet the same readout errors",
    ),
    "twirling": Method(
        {"resilience_level": 0, "twirl_gates": True, "twirl_measure": True},
        "random Pauli gates round every two-qubit gate and readout",
        "little: it makes coherent errors random, and a calibration tells random errors alone",
    ),
    "readout+twirling": Method(
        {"resilience_level": 1, "twirl_gates": True},
        "both",
        "as both",
    ),
    "decoupling": Method(
        {"resilience_level": 0, "dynamical_decoupling": "XY4"},
        "X and Y pulses (XY4) while qubits wait",
        "its pulses' errors, and no gain: it undoes slow drifts, and the calibration's T2 has no memory",
    ),
    "zne": Method(
        {"resilience_level": 2},
        "readout and twirling, and two-qubit gates folded to three noise levels, extrapolated to none",
        "in full for errors of gates: folded gates meet them again; waiting is not folded",
    ),
}
"""By the name that tables use."""
