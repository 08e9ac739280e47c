"""One circuit compiled by one lowering with one seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.transpiler import generate_preset_pass_manager

from backends.circuits.emission import circuit_from_operations
from backends.circuits.program import Ansatz, Program, program_from_circuit, without_controls
from backends.circuits.structure import components
from backends.devices.device import SubDevice
from backends.devices.lowering import emit, lower

Array = npt.NDArray[np.float64]
Lowering = Literal["stock", "stock_bound", "pauli", "merged", "fractional", "bound"]
LOWERINGS: tuple[Lowering, ...] = get_args(Lowering)


@dataclass(frozen=True)
class Compiled:
    """A circuit in a device's gates, with free parameters.

    Attributes:
        circuit: on all qubits of the device; its layout says where the ansatz's are.
        swaps: SWAPs that routing put in, merged ones among them.
        values: from inputs (R, num_inputs) and weights (R, num_weights) to values of the circuit's
            parameters, (R, num_parameters).
    """

    circuit: QuantumCircuit
    swaps: int
    values: Callable[[Array, Array], Array]

    @property
    def measured(self) -> list[int]:
        """Where the ansatz's qubits end."""
        return self.circuit.layout.final_index_layout(filter_ancillas=True)


def compile_ansatz(
    ansatz: Ansatz, device: BackendV2, lowering: Lowering, optimization_level: int, seed: int
) -> Compiled:
    """Compile.

    Args:
        ansatz: its weights and inputs stay free.
        device: with rzz gates for the fractional lowering.
        lowering: stock is Qiskit's transpiler on the circuit of controlled rotations as it is, stock_bound
            the same with `bound_weights` in it, for which alone its values are then right.
        optimization_level: of Qiskit's transpiler, for stock, stock_bound and pauli.
        seed: of the searches.
    """
    if lowering == "stock":
        circuit, swaps = _transpiled(ansatz.circuit, device, optimization_level, seed)
        columns = [[*ansatz.inputs, *ansatz.weights].index(p) for p in circuit.parameters]
        return Compiled(circuit, swaps, lambda x, w: np.concatenate([x, w], axis=1)[:, columns])
    if lowering == "stock_bound":
        weights = dict(zip(ansatz.weights, bound_weights(ansatz, seed), strict=True))
        circuit, swaps = _transpiled(
            ansatz.circuit.assign_parameters(weights), device, optimization_level, seed
        )
        columns = [list(ansatz.inputs).index(p) for p in circuit.parameters]
        return Compiled(circuit, swaps, lambda x, w: x[:, columns])
    program = without_controls(program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights))
    if lowering == "pauli":
        return _pauli(program, device, optimization_level, seed)
    parts = lower(components(program), device, lowering, seed=seed)
    lowered = emit(parts, device.num_qubits)
    swaps = sum(hop.swap for part in parts for hop in part.route.hops)
    return Compiled(lowered.circuit, swaps, lambda x, w: lowered.values(program.angles(x, w)))


def bound_weights(ansatz: Ansatz, seed: int) -> Array:
    """The weights that stock_bound puts in, (num_weights,), radians, uniform."""
    return np.random.default_rng(seed).uniform(0, 2 * np.pi, len(ansatz.weights))


def _pauli(program: Program, device: BackendV2, optimization_level: int, seed: int) -> Compiled:
    circuit, _ = circuit_from_operations(program.operations, program.num_qubits, program.num_angles)
    compiled, swaps = _transpiled(circuit, device, optimization_level, seed)
    return Compiled(compiled, swaps, program.angles)


def _transpiled(
    circuit: QuantumCircuit, device: BackendV2, optimization_level: int, seed: int
) -> tuple[QuantumCircuit, int]:
    manager = generate_preset_pass_manager(
        optimization_level,
        target=SubDevice(device, range(device.num_qubits)).target,  # without what is broken
        seed_transpiler=seed,
    )
    swaps: list[int] = [0]

    def count_swaps(**state: Any) -> None:  # they are only there between routing and translation
        swaps.append(state["dag"].count_ops(recurse=False).get("swap", 0))

    compiled = manager.run(circuit, callback=count_swaps)
    return compiled, max(swaps)


def bound(compiled: Compiled, inputs: Array, weights: Array) -> Sequence[QuantumCircuit]:
    """The circuit with values in it, one for each row."""
    return [compiled.circuit.assign_parameters(row) for row in compiled.values(inputs, weights)]
