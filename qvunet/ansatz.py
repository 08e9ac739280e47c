"""The variational circuits of quantum hybrid diffusion.

De Falco et al., "Quantum hybrid diffusion models for image synthesis", KI 38 (2024) 311-326,
doi:10.1007/s13218-024-00858-5 (HQConv and FQConv: figures 4 and 5; the basic entangler: section 3).

Every ansatz has the same shape: input `i` is loaded by ``Rx(inputs[i])`` on qubit `i`, then
`num_layers` layers of weighted gates follow, then ``<Z_i>`` of every qubit is read. A register of four
qubits carries the four pixels of one channel's 2x2 patch: qubit ``4 * channel + pixel``, pixels row by
row. All angles are in radians. Adding an ansatz means writing one function that returns an `Ansatz`
and naming it in `ANSATZES`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from backends.errors import UserError

PIXELS = 4
"""Qubits of one register: the pixels of a 2x2 patch."""


@dataclass(frozen=True)
class Ansatz:
    """A parameterised circuit with its inputs, weights and observables.

    Attributes:
        name: name in the registry, e.g. ``"hqconv"``.
        circuit: encoding and ansatz layers, no measurement.
        inputs: parameters that carry data, one for each qubit, radians.
        weights: trainable parameters, radians.
        observables: ``[Z_0, ..., Z_{n-1}]``.
    """

    name: str
    circuit: QuantumCircuit
    inputs: ParameterVector
    weights: ParameterVector
    observables: list[SparsePauliOp]

    @property
    def num_qubits(self) -> int:
        """Number of qubits, which is the number of inputs and of outputs."""
        return self.circuit.num_qubits


def hqconv(num_layers: int = 1, num_channels: int = 3) -> Ansatz:
    """HQConv: a ring of controlled rotations in each register, then one pair between neighbours.

    Each pair is CRZ then CRX, control to target. A layer holds, in this order, an A block for each
    register ``r`` (pixels 0->3, 3->2, 2->1, 1->0) and the B blocks that join the registers' first qubits,
    last channel first (for three channels 4->8, then 0->4).

    Args:
        num_layers: repetitions of the layer, at least 1; each has its own weights.
        num_channels: registers; 3 gives 12 qubits and 28 weights a layer.

    Raises:
        UserError: if an argument is below its minimum.
    """
    _require("num_channels", num_channels, 1)
    rings = [[(0, 3), (3, 2), (2, 1), (1, 0)] for _ in range(num_channels)]
    pairs = [(PIXELS * r + c, PIXELS * r + t) for r, ring in enumerate(rings) for c, t in ring]
    pairs += [(PIXELS * (r - 1), PIXELS * r) for r in range(num_channels - 1, 0, -1)]

    def layer(circuit: QuantumCircuit, angles: ParameterVector) -> None:
        for k, (control, target) in enumerate(pairs):
            circuit.crz(angles[2 * k], control, target)
            circuit.crx(angles[2 * k + 1], control, target)

    return _layered("hqconv", PIXELS * num_channels, num_layers, 2 * len(pairs), layer)


def fqconv(num_layers: int = 1, num_channels: int = 3) -> Ansatz:
    """FQConv: controlled rotations between equal pixels of different channels.

    For each (control, target) register pair, with three channels (0, 2), (2, 1), (1, 0): block C, a CRZ
    for each pixel 3, 2, 1, 0, then block D, a CRX for each pixel. Pixels never mix.

    Args:
        num_layers: repetitions of the layer, at least 1; each has its own weights.
        num_channels: registers, at least 2; 3 gives 12 qubits and 24 weights a layer.

    Raises:
        UserError: if an argument is below its minimum.
    """
    _require("num_channels", num_channels, 2)
    descending = list(range(num_channels - 1, 0, -1))
    registers = list(zip([0, *descending], [*descending, 0], strict=True))
    pixels = range(PIXELS - 1, -1, -1)

    def layer(circuit: QuantumCircuit, angles: ParameterVector) -> None:
        angle = iter(angles)
        for control, target in registers:
            for gate in (circuit.crz, circuit.crx):
                for p in pixels:
                    gate(next(angle), PIXELS * control + p, PIXELS * target + p)

    return _layered("fqconv", PIXELS * num_channels, num_layers, 2 * PIXELS * len(registers), layer)


def basic_entangler(num_qubits: int = 4, num_layers: int = 4) -> Ansatz:
    """Basic entangler: Rx(w_i) on each qubit, then CNOT i -> (i + 1) mod n.

    Args:
        num_qubits: at least 2.
        num_layers: repetitions of the layer, at least 1; `num_qubits` weights each.

    Raises:
        UserError: if an argument is below its minimum.
    """
    _require("num_qubits", num_qubits, 2)

    def layer(circuit: QuantumCircuit, angles: ParameterVector) -> None:
        for qubit, angle in enumerate(angles):
            circuit.rx(angle, qubit)
        for qubit in range(num_qubits):
            circuit.cx(qubit, (qubit + 1) % num_qubits)

    return _layered("basic_entangler", num_qubits, num_layers, num_qubits, layer)


ANSATZES: dict[str, Callable[..., Ansatz]] = {
    "hqconv": hqconv,
    "fqconv": fqconv,
    "basic_entangler": basic_entangler,
}
"""Every ansatz that configs can name."""


def make_ansatz(name: str, **options: int) -> Ansatz:
    """Build a registered ansatz.

    Args:
        name: a key of `ANSATZES`.
        **options: passed on, e.g. `num_layers`.

    Raises:
        UserError: if the name or an option is unknown or an option is below its minimum.
    """
    if name not in ANSATZES:
        raise UserError(f"unknown ansatz {name!r}; allowed: {', '.join(ANSATZES)}")
    allowed = inspect.signature(ANSATZES[name]).parameters
    for option in options:
        if option not in allowed:
            raise UserError(f"ansatz {name}: unknown option {option!r}; allowed: {', '.join(allowed)}")
    return ANSATZES[name](**options)


def _layered(
    name: str,
    num_qubits: int,
    num_layers: int,
    weights_per_layer: int,
    layer: Callable[[QuantumCircuit, ParameterVector], None],
) -> Ansatz:
    """Rx encoding, then `num_layers` times `layer`, each with its own slice of the weights."""
    _require("num_layers", num_layers, 1)
    inputs = ParameterVector("x", num_qubits)
    weights = ParameterVector("w", num_layers * weights_per_layer)
    circuit = QuantumCircuit(num_qubits, name=name)
    for qubit, angle in enumerate(inputs):
        circuit.rx(angle, qubit)
    for start in range(0, len(weights), weights_per_layer):
        layer(circuit, weights[start : start + weights_per_layer])
    observables = [SparsePauliOp.from_sparse_list([("Z", [i], 1.0)], num_qubits) for i in range(num_qubits)]
    return Ansatz(name, circuit, inputs, weights, observables)


def _require(key: str, value: int, minimum: int) -> None:
    if value < minimum:
        raise UserError(f"{key} = {value}: must be at least {minimum}")
