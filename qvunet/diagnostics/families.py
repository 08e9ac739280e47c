"""An ansatz with other numbers of layers and qubits."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

from backends.circuits.program import Ansatz
from backends.errors import UserError
from qvunet.ansatz import ANSATZES
from qvunet.ansatz.registry import make_ansatz
from qvunet.ansatz.reuploading import reuploaded

MAX_QUBITS = 16
"""Larger members are not looked at."""


@dataclass(frozen=True)
class Family:
    """A registered ansatz and where a circuit stands in it.

    Attributes:
        name: a key of `qvunet.ansatz.ANSATZES`.
        uploads: how often data are read.
        num_layers: of the circuit, after each upload.
        size_option: what scales its qubits, such as ``num_channels``; None if nothing does.
        size: value of that option; 0 if there is none.
    """

    name: str
    uploads: int
    num_layers: int
    size_option: str | None
    size: int

    @classmethod
    def of(cls, ansatz: Ansatz) -> Family | None:
        """The family that a circuit belongs to; None if no registered ansatz has its name and shape."""
        if ansatz.name not in ANSATZES or not ansatz.weights:
            return None
        uploads = len(ansatz.inputs) // ansatz.circuit.num_qubits
        allowed = inspect.signature(ANSATZES[ansatz.name]).parameters
        options = [key for key in allowed if key != "num_layers"]
        if len(options) != 1:
            return cls(ansatz.name, uploads, 0, None, 0)._fitted(ansatz)
        for size, member in cls(ansatz.name, uploads, 1, options[0], 0)._members():
            if member.circuit.num_qubits == ansatz.circuit.num_qubits:
                return cls(ansatz.name, uploads, 1, options[0], size)._fitted(ansatz)
        return None

    def member(self, num_layers: int | None = None, size: int | None = None) -> Ansatz:
        """The circuit with another number of layers, or another size.

        Raises:
            UserError: if the ansatz does not allow it.
        """
        options = {"num_layers": self.num_layers if num_layers is None else num_layers}
        if self.size_option is not None:
            options[self.size_option] = self.size if size is None else size
        return reuploaded(make_ansatz(self.name, **options), self.uploads)

    def sizes(self) -> list[int]:
        """Values of the size option that give at most `MAX_QUBITS` qubits; none if nothing scales."""
        return [] if self.size_option is None else [size for size, _ in self._members()]

    def _members(self) -> Iterator[tuple[int, Ansatz]]:
        for size in range(1, MAX_QUBITS + 1):
            try:
                member = self.member(1, size)
            except UserError:  # below the ansatz's minimum
                continue
            if member.circuit.num_qubits > MAX_QUBITS:
                return
            yield size, member

    def _fitted(self, ansatz: Ansatz) -> Family | None:
        """The family with the circuit's number of layers, if it has the circuit's shape."""
        layers, rest = divmod(len(ansatz.weights), len(self.member(1).weights))
        fitted = Family(self.name, self.uploads, layers, self.size_option, self.size)
        same = rest == 0 and layers > 0 and len(fitted.member().inputs) == len(ansatz.inputs)
        return fitted if same else None
