"""Counting what is executed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Tally:
    """Circuits that have been measured; exact values, which no device could give, do not count.

    Attributes:
        circuits: each with parameters and measurement bases of its own.
        executions: shots of them all, on hardware with those of twirling, mitigation and calibration.
    """

    circuits: int = 0
    executions: int = 0

    def add(self, circuits: int, executions: int) -> None:
        """Count circuits that are about to be measured."""
        self.circuits += circuits
        self.executions += executions

    def clear(self) -> None:
        """Begin again at 0."""
        self.circuits = self.executions = 0
