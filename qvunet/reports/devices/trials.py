"""One small circuit on a device, counted by Aer with its noise and rehearsed as a job."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from backends import UserError, make_backend
from backends.devices.device import load_device
from backends.devices.lowering import choose
from backends.errors import ExecutionError
from backends.options import Lowering
from qvunet.ansatz import basic_entangler

PATHS: dict[str, Callable[[str], dict[str, object]]] = {
    "aer_shots": lambda device: {"noise_model": device},
    "ibm_runtime": lambda device: {"backend_name": device, "resilience_level": 0},
}
"""Backends with a device, and the options by which they measure the same."""

GATES = frozenset({"rz", "rx", "sx", "x", "cx", "cz", "ecr", "rzz"})

NUM_QUBITS = 3
"""A ring, which no device of the heavy-hexagon kind couples without a SWAP."""


@dataclass(frozen=True)
class Outcome:
    """What a backend said.

    Attributes:
        values: expectations <Z>, (3,); None if it refused.
        reason: why it refused.
    """

    values: npt.NDArray[np.float64] | None
    reason: str = ""


@dataclass(frozen=True)
class Trial:
    """A device by one lowering.

    Attributes:
        device: its name.
        num_qubits: of the device.
        gates: those of its gates by which circuits are written.
        lowering: that was used.
        exact: expectations without noise, (3,).
        outcomes: by backend.
        shots: of each backend.
    """

    device: str
    num_qubits: int
    gates: Sequence[str]
    lowering: Lowering
    exact: npt.NDArray[np.float64]
    outcomes: dict[str, Outcome]
    shots: int

    @property
    def works(self) -> bool:
        """Whether every backend gave values."""
        return all(outcome.values is not None for outcome in self.outcomes.values())

    @property
    def is_alike(self) -> bool:
        """Whether the backends agree: values within 5 standard errors, or all of them refuse."""
        if not self.works:
            return all(outcome.values is None for outcome in self.outcomes.values())
        return self.difference < 5

    @property
    def difference(self) -> float:
        """The largest difference between two backends, in its standard errors."""
        first, second = (outcome.values for outcome in self.outcomes.values())
        if first is None or second is None:
            raise ValueError(f"{self.device} was refused")
        sigma = np.sqrt((2 - first**2 - second**2) / self.shots) + 1 / self.shots
        return float(np.max(abs(first - second) / sigma))

    def error(self, backend: str) -> float | None:
        """The largest error that noise makes; None if the backend refused."""
        values = self.outcomes[backend].values
        return None if values is None else float(np.max(abs(values - self.exact)))


def run_trials(devices: Sequence[str], lowerings: Sequence[Lowering], shots: int) -> Iterator[Trial]:
    """Try devices one after another, each by every lowering that it has the gates for.

    Args:
        devices: names of recorded devices.
        lowerings: to be tried; those that a device has no gates for are left out.
        shots: of each backend.

    Raises:
        UserError: if a device is unknown.
    """
    ansatz = basic_entangler(num_qubits=NUM_QUBITS, num_layers=1)
    inputs = torch.linspace(0.4, 1.4, NUM_QUBITS).unsqueeze(0)
    weights = {"weight": torch.linspace(0.3, 0.9, NUM_QUBITS)}

    def evaluate(name: str, **options: object) -> npt.NDArray[np.float64]:
        layer = make_backend(name, **options).layer(ansatz)
        layer.load_state_dict(weights)
        with torch.no_grad():
            return np.asarray(layer(inputs)[0].double().numpy())

    def outcome(name: str, device: str, lowering: Lowering) -> Outcome:
        try:
            return Outcome(evaluate(name, shots=shots, lowering=lowering, **PATHS[name](device)))
        except (UserError, ExecutionError) as error:
            return Outcome(None, str(error))

    exact = evaluate("statevector")
    for device in devices:
        chip = load_device(device)
        gates = sorted(GATES.intersection(chip.target.operation_names))
        for lowering in lowerings:
            try:
                choose(lowering, chip)
            except UserError:
                continue
            outcomes = {name: outcome(name, device, lowering) for name in PATHS}
            yield Trial(device, chip.num_qubits, gates, lowering, exact, outcomes, shots)
