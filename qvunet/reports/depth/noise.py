"""How far expectations are off under a device's noise, by lowering, at the same shots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from qiskit.circuit import ClassicalRegister
from qiskit.providers import BackendV2

from backends import make_backend
from backends.circuits.program import Ansatz
from backends.devices.device import restrict
from backends.devices.split_simulator import SplitSimulator
from qvunet.reports.depth.compile import Compiled, bound

Array = npt.NDArray[np.float64]

RESAMPLES = 4000
"""Of the rows, for the intervals."""


@dataclass(frozen=True)
class NoiseError:
    """Root mean square error of <Z> over rows and qubits.

    Attributes:
        ansatz: its name.
        layers: of the ansatz.
        lowering: how it was compiled.
        rmse: the error.
        interval: of it, 95 %, by resampling the rows.
        ratio: to the first lowering's, on the same rows.
        ratio_interval: of the ratio, likewise.
    """

    ansatz: str
    layers: int
    lowering: str
    rmse: float
    interval: tuple[float, float]
    ratio: float
    ratio_interval: tuple[float, float]


def noise_errors(
    ansatz: Ansatz,
    layers: int,
    compiled: dict[str, tuple[Compiled, BackendV2]],
    rows: int,
    shots: int,
    step: Callable[[str], None],
) -> list[NoiseError]:
    """Run random rows of each lowering on its device's noise.

    Args:
        ansatz: what was compiled.
        layers: of the ansatz.
        compiled: by lowering, with the device; the first is what the others are compared with.
        rows: of random inputs and weights.
        shots: of each row.
        step: told of each row.
    """
    rng = np.random.default_rng(0)
    inputs = rng.uniform(-np.pi, np.pi, (rows, len(ansatz.inputs)))
    weights = rng.uniform(0, 2 * np.pi, (rows, len(ansatz.weights)))
    exact = _exact(ansatz, inputs, weights)
    squares = {
        name: np.mean((_measured(*pair, inputs, weights, shots, step) - exact) ** 2, axis=1)
        for name, pair in compiled.items()
    }
    picks = rng.integers(rows, size=(RESAMPLES, rows))
    first = next(iter(squares.values()))
    found = []
    for name, square in squares.items():
        resampled = np.sqrt(square[picks].mean(axis=1))
        ratios = resampled / np.sqrt(first[picks].mean(axis=1))
        rmse = float(np.sqrt(square.mean()))
        ratio = rmse / float(np.sqrt(first.mean()))
        found.append(
            NoiseError(ansatz.name, layers, name, rmse, _interval(resampled), ratio, _interval(ratios))
        )
    return found


def _exact(ansatz: Ansatz, inputs: Array, weights: Array) -> Array:
    layer = make_backend("statevector").layer(ansatz, num_circuits=len(inputs)).double()
    layer.load_state_dict({"weight": torch.tensor(weights)})
    with torch.no_grad():
        return layer(torch.tensor(inputs)[None])[0].numpy()


def _measured(
    compiled: Compiled,
    device: BackendV2,
    inputs: Array,
    weights: Array,
    shots: int,
    step: Callable[[str], None],
) -> Array:
    """Expectations from counts, (rows, num_qubits)."""
    _, part = restrict(compiled.circuit, device)
    simulator = SplitSimulator.on(part, threads=1)
    found = []
    for k, circuit in enumerate(bound(compiled, inputs, weights)):
        small, _ = restrict(circuit, device)
        wires = small.layout.final_index_layout()[: len(compiled.measured)]
        small.add_register(ClassicalRegister(len(wires)))
        small.measure(wires, range(len(wires)))
        result = simulator.run(small, shots=shots, memory=True, seed_simulator=k).result()
        outcomes = np.array([int(outcome, 16) for outcome in result.results[0].data.memory])
        found.append(1 - 2 * ((outcomes[:, None] >> np.arange(len(wires))) & 1).mean(axis=0))
        step(f"noise, row {k}")
    return np.array(found)


def _interval(values: Sequence[float] | Array) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
