"""Devices: finding one by name, compiling a circuit for it, and cutting out the part that a circuit uses.

A chip has over a hundred qubits and a circuit uses a dozen; no simulator holds the chip, so what simulates
a device works on the cut-out, which keeps the calibration of its qubits.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from qiskit.circuit import Parameter, QuantumCircuit, QuantumRegister
from qiskit.circuit.library import RZGate, SXGate, XGate
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import (
    InstructionProperties,
    Layout,
    Target,
    TranspileLayout,
    generate_preset_pass_manager,
)
from qiskit.transpiler.exceptions import TranspilerError
from qiskit_aer import AerSimulator

from backends.errors import UserError

BROKEN = 1.0
"""A calibration reports this error rate for a gate that does not work."""


def load_device(name: str) -> BackendV2:
    """Find a device.

    Args:
        name: a ``fake_*`` name for a recorded device, for which no account is needed; any other is looked
            up in IBM Quantum, with the account that `qiskit_ibm_runtime` has saved.

    Raises:
        UserError: if there is no such device or, for a real one, no account; names what is allowed.
    """
    if name.startswith("fake_"):
        return _fake_device(name)
    from qiskit.providers.exceptions import QiskitBackendNotFoundError
    from qiskit_ibm_runtime import QiskitRuntimeService
    from qiskit_ibm_runtime.exceptions import IBMError

    try:
        service = QiskitRuntimeService()
    except (IBMError, ValueError):
        raise UserError(
            f"device {name!r}: a device of IBM Quantum needs an account, saved with "
            f"QiskitRuntimeService.save_account; without one: {', '.join(fake_device_names())}"
        ) from None
    try:
        return service.backend(name)
    except QiskitBackendNotFoundError:
        raise UserError(
            f"device {name!r}: not in this account; allowed: "
            f"{', '.join(sorted(device.name for device in service.backends()))}"
        ) from None


def fake_device_names() -> list[str]:
    """Names of the recorded devices that come with `qiskit_ibm_runtime`."""
    return sorted(_fake_classes())


def isa_circuit(
    circuit: QuantumCircuit, device: BackendV2, *, optimization_level: int = 2, seed_transpiler: int = 0
) -> QuantumCircuit:
    """Compile for a device: its gates, its couplings, none that its calibration calls broken.

    Args:
        circuit: may have free parameters.
        device: where it is to run.
        optimization_level: 0 to 3; on a chip, 3 can search a minute for the layout of independent parts.
        seed_transpiler: layout and routing are random searches; this fixes them.

    Returns:
        A circuit on all qubits of the device; its `layout` maps observables (`apply_layout`).

    Raises:
        UserError: if the circuit needs more qubits than the device has.
    """
    require_qubits(device, circuit.num_qubits)
    manager = generate_preset_pass_manager(
        optimization_level,
        target=_cut_target(device.target, range(device.num_qubits)),
        seed_transpiler=seed_transpiler,
    )
    return manager.run(circuit)


def isa_circuits(
    circuit: QuantumCircuit, device: BackendV2, optimization_level: int, seeds: Iterable[int]
) -> Iterator[QuantumCircuit]:
    """Compile by several seeds, without those by which Qiskit finds no way.

    Such happens where a chip has two kinds of two-qubit gates, each in one direction (fake_cairo).

    Args:
        circuit: see `isa_circuit`, as for the rest.
        device: likewise.
        optimization_level: likewise.
        seeds: in the order in which they are tried.

    Raises:
        UserError: if the circuit needs more qubits than the device has.
        TranspilerError: if no seed finds a way.
    """
    failures: list[TranspilerError] = []
    some = False
    for seed in seeds:
        try:
            yield isa_circuit(circuit, device, optimization_level=optimization_level, seed_transpiler=seed)
            some = True
        except TranspilerError as error:
            failures.append(error)
    if not some:
        raise failures[-1]


def require_qubits(device: BackendV2, num_qubits: int) -> None:
    """Check that a device is as wide as a circuit.

    Raises:
        UserError: if it is not; names both numbers.
    """
    if num_qubits > device.num_qubits:
        raise UserError(
            f"device {device.name}: has {device.num_qubits} qubits, the circuit needs {num_qubits}"
        )


def no_room(device: BackendV2, sizes: Sequence[int]) -> UserError:
    """What to say where a device has the qubits that a circuit needs, but not coupled as it needs them.

    Args:
        device: the whole of it.
        sizes: qubits of each independent part of the circuit.
    """
    return UserError(
        f"device {device.name}: has {device.num_qubits} qubits, the circuit needs {sum(sizes)}, but there is "
        f"no room for coupled parts of {', '.join(map(str, sizes))}"
    )


def restrict(circuit: QuantumCircuit, device: BackendV2) -> tuple[QuantumCircuit, SubDevice]:
    """Cut a compiled circuit and its device down to the qubits that the circuit uses.

    Args:
        circuit: from `isa_circuit`.
        device: what it was compiled for.

    Returns:
        The same circuit on fewer qubits, in ascending order of the device's, with a `layout` that leads to
        them, and the part of the device that they are.
    """
    layout = circuit.layout
    starts = layout.initial_index_layout(filter_ancillas=True)
    ends = layout.final_index_layout(filter_ancillas=True)
    touched = {circuit.find_bit(qubit).index for item in circuit.data for qubit in _acted_on(item)}
    kept = sorted(touched.union(starts, ends))
    small = QuantumCircuit(len(kept), name=circuit.name, global_phase=circuit.global_phase)
    small.add_bits(circuit.clbits)
    for register in circuit.cregs:
        small.add_register(register)
    index = {circuit.qubits[q]: k for k, q in enumerate(kept)}
    for item in circuit.data:
        qubits = [index[qubit] for qubit in item.qubits if qubit in index]
        operation = item.operation
        if operation.name == "barrier":
            small.barrier(qubits)
        else:
            small.append(operation, qubits, item.clbits)
    moves = layout.routing_permutation() if layout.final_layout else ()
    small._layout = routed_layout(
        small,
        [kept.index(start) for start in starts],
        {k: kept.index(moves[qubit]) for k, qubit in enumerate(kept)} if moves else None,
    )
    return small, SubDevice(device, kept)


def routed_layout(
    circuit: QuantumCircuit, start: Sequence[int], moves: Mapping[int, int] | None = None
) -> TranspileLayout:
    """A layout for a circuit on a device.

    Args:
        circuit: on the device's qubits.
        start: where each virtual qubit begins; the device's other qubits are ancillas.
        moves: where the content of each of the device's qubits ends up, if not where it began.
    """
    virtual = QuantumRegister(len(start), "q")
    others = [k for k in range(circuit.num_qubits) if k not in start]
    ancilla = QuantumRegister(len(others), "ancilla")
    qubits = [*virtual, *ancilla]
    ends = {qubit: (moves or {}).get(k, k) for k, qubit in enumerate(circuit.qubits)}
    return TranspileLayout(
        initial_layout=Layout(dict(zip(qubits, [*start, *others], strict=True))),
        input_qubit_mapping={qubit: k for k, qubit in enumerate(qubits)},
        final_layout=Layout(ends) if moves else None,
        _input_qubit_count=len(start),
        _output_qubit_list=circuit.qubits,
    )


class SubDevice(BackendV2):
    """Some qubits of a device, renumbered from 0, with their calibration.

    Args:
        device: the whole.
        qubits: which of its qubits are kept.

    Attributes:
        chip_qubits: where the qubits are on the chip, also for a part of a part.
    """

    def __init__(self, device: BackendV2, qubits: Sequence[int]) -> None:
        super().__init__(name=device.name, description=f"{len(qubits)} qubits of {device.name}")
        whole: Sequence[int] = (
            device.chip_qubits if isinstance(device, SubDevice) else range(device.num_qubits)
        )
        self.chip_qubits: tuple[int, ...] = tuple(whole[qubit] for qubit in qubits)
        self._target = _cut_target(device.target, qubits)

    @property
    def target(self) -> Target:
        """Gates, couplings and error rates."""
        return self._target

    @property
    def max_circuits(self) -> None:
        """No limit."""
        return None

    @classmethod
    def _default_options(cls) -> Options:
        return Options(shots=1024)

    def run(self, run_input: Any, **options: Any) -> Any:
        """Simulate circuits with the noise of the calibration; returns an Aer job."""
        return AerSimulator.from_backend(self).run(run_input, **{**self.options, **options})


class PulseDevice(SubDevice):
    """A device of the gates U1, U2 and U3, in those that replaced them: RZ, SX and X.

    On the chip a U1 was a change of frame like RZ, a U2 one pulse like SX between such changes, a U3 two.
    So each keeps the error and the duration that were recorded for the other, but for X, whose U3 took two
    pulses where one is enough.

    Args:
        device: the whole.
    """

    def __init__(self, device: BackendV2) -> None:
        super().__init__(device, range(device.num_qubits))
        self._device = device
        for name, gate in {"u1": RZGate(Parameter("angle")), "u2": SXGate(), "u3": XGate()}.items():
            self._target.add_instruction(gate, dict(self._target[name]))
        self._target = _cut_target(self._target, range(device.num_qubits), without=("u1", "u2", "u3"))

    def properties(self) -> Any:
        """The calibration, with the gates that it was made for."""
        return self._device.properties()


def _fake_device(name: str) -> BackendV2:
    classes = _fake_classes()
    if name not in classes:
        raise UserError(f"device {name!r}: unknown; allowed: {', '.join(sorted(classes))}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # some fakes warn that their error rates are invented
        device = classes[name]()
    return PulseDevice(device) if {"u1", "u2", "u3"} <= set(device.target.operation_names) else device


def _fake_classes() -> dict[str, type[BackendV2]]:
    from qiskit_ibm_runtime import fake_provider

    candidates = (value for value in vars(fake_provider).values() if inspect.isclass(value))
    return {c.backend_name: c for c in candidates if issubclass(c, BackendV2) and hasattr(c, "backend_name")}


def _cut_target(target: Target, qubits: Iterable[int], without: Sequence[str] = ()) -> Target:
    """The part of a target on some qubits, renumbered, without broken gates and those that are named."""
    index = {qubit: k for k, qubit in enumerate(qubits)}
    properties = target.qubit_properties
    cut = Target(
        num_qubits=len(index),
        dt=target.dt,
        granularity=target.granularity,
        min_length=target.min_length,
        pulse_alignment=target.pulse_alignment,
        acquire_alignment=target.acquire_alignment,
        qubit_properties=[properties[qubit] for qubit in index] if properties else None,
    )
    for name in target.operation_names:
        if name in without:
            continue
        operation, places = target.operation_from_name(name), target[name]
        if inspect.isclass(operation):  # control flow, on any qubits
            cut.add_instruction(operation, name=name)
        else:
            kept = {
                place and tuple(index[q] for q in place): found
                for place, found in places.items()
                if place is None or (index.keys() >= set(place) and not _is_broken(found))
            }
            if kept or not places:  # a gate that is nowhere would count as one that is everywhere
                cut.add_instruction(operation, kept, name=name)
    return cut


def _is_broken(properties: InstructionProperties | None) -> bool:
    return properties is not None and properties.error is not None and properties.error >= BROKEN


def _acted_on(item: Any) -> Iterable[Any]:
    return () if item.operation.name == "barrier" else item.qubits
