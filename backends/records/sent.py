"""What a job was sent with, as it is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Sent:
    """What a job was sent with, but for parameter values; jobs of one circuit share it.

    Attributes:
        qpy: the circuit as it was submitted, with free parameters.
        facts: JSON. ``observables``, in the order of the values, each a list of (Pauli letters, qubits of the
            circuit, coefficient); ``chip_qubits``, where each qubit of the circuit is on the chip;
            ``layout``, where each qubit of the circuit that was asked for begins and ends there;
            ``calibration`` of the qubits used, as the device reports it; ``options`` of the runtime's
            estimator, with what its rules decide.
    """

    qpy: bytes
    facts: bytes

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that stand for it."""
        return hashlib.sha256(self.qpy + self.facts).hexdigest()[:16]
