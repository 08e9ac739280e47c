"""A device's simulator that runs the independent parts of a circuit apart.

Four tiles of twelve qubits cost four times twelve qubits, not forty-eight; parts share nothing but the chip.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import rustworkx as rx
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.result import Result
from qiskit.result.models import ExperimentResultData
from qiskit_aer import AerSimulator

from backends.devices.device import SubDevice
from backends.devices.idling import with_delays

MAX_DENSITY_QUBITS = 7
"""A density matrix of more qubits takes longer than the few shots of each twirled circuit of a rehearsal."""

Binds = Mapping[Parameter, Sequence[float]]


@dataclass(frozen=True)
class SplitJob:
    """A run that is over."""

    _result: Result

    def result(self) -> Result:
        """The memory of every circuit, all its parts together."""
        return self._result


class SplitSimulator(AerSimulator):
    """Simulates circuits on a device, each independent part by itself, and puts their outcomes together.

    Up to `MAX_DENSITY_QUBITS` qubits a part's density matrix is simulated, beyond them trajectories that
    branch where noise strikes. Made by `on`.
    """

    _device: SubDevice
    _threads: int
    _idling: bool
    _parts: dict[tuple[int, ...], AerSimulator]

    @classmethod
    def on(cls, device: SubDevice, threads: int | None = None, *, idling: bool = False) -> SplitSimulator:
        """A simulator of a device, with the noise of its calibration.

        Args:
            device: the qubits that circuits are on.
            threads: CPU threads of Aer; None takes all.
            idling: whether qubits that wait for others relax, by their T1 and T2.
        """
        made = cls.from_backend(device)
        made._device, made._threads, made._parts = device, threads or 0, {}
        made._idling = idling
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> SplitSimulator:
        # The runtime copies its simulator for every job. Reading the noise of the parts anew would take
        # longer than most jobs, and nothing else here is changed by a run.
        return copy(self)

    def run(
        self,
        circuits: QuantumCircuit | Sequence[QuantumCircuit],
        parameter_binds: Sequence[Binds] | None = None,
        **options: Any,
    ) -> SplitJob:
        """Run circuits as `AerSimulator.run` does, with the outcome of every shot in memory."""
        circuits = [circuits] if isinstance(circuits, QuantumCircuit) else circuits
        rng = np.random.default_rng(options.pop("seed_simulator", None))
        results = [
            self._run_apart(circuit, binds, rng, options)
            for circuit, binds in zip(circuits, parameter_binds or [{}] * len(circuits), strict=True)
        ]
        first = results[0]
        first.results = [experiment for result in results for experiment in result.results]
        return SplitJob(first)

    def _run_apart(
        self, circuit: QuantumCircuit, binds: Binds, rng: np.random.Generator, options: Mapping[str, Any]
    ) -> Result:
        """Each part by itself; every experiment's memory is then that of the whole circuit."""
        rows = max((len(values) for values in binds.values()), default=1)
        if self._idling:
            circuit = with_delays(circuit, self._device.target)
        ran = [
            self._run_part(part, binds, rows, qubits, {**options, "seed_simulator": int(rng.integers(2**31))})
            for qubits, part in independent_parts(circuit)
        ]
        for experiments in zip(*(result.results for result in ran), strict=True):
            memories = [[int(shot, 16) for shot in each.data.memory] for each in experiments]
            together = [hex(sum(shots)) for shots in zip(*memories, strict=True)]
            experiments[0].data = ExperimentResultData(memory=together)
        return ran[0]

    def _run_part(
        self,
        part: QuantumCircuit,
        binds: Binds,
        rows: int,
        qubits: Sequence[int],
        options: Mapping[str, Any],
    ) -> Result:
        simulator = self._simulator(tuple(qubits))
        own = {parameter: binds[parameter] for parameter in part.parameters}
        if own:
            return simulator.run(part, parameter_binds=[own], **options).result()
        return simulator.run([part] * rows, **options).result()

    def _simulator(self, qubits: tuple[int, ...]) -> AerSimulator:
        if qubits not in self._parts:
            self._parts[qubits] = AerSimulator.from_backend(
                SubDevice(self._device, qubits),
                method="density_matrix" if len(qubits) <= MAX_DENSITY_QUBITS else "statevector",
                shot_branching_enable=True,  # many trajectories meet no noise, and are one
                max_parallel_threads=self._threads,
            )
        return self._parts[qubits]


def independent_parts(circuit: QuantumCircuit) -> list[tuple[list[int], QuantumCircuit]]:
    """Split a circuit into parts that share neither a gate nor a classical bit.

    Barriers do not join qubits, and are left out: they mean nothing to a simulator.

    Returns:
        The qubits of each part that measures anything, and the part on them, with all classical bits.
    """
    items = [item for item in circuit.data if item.operation.name != "barrier"]
    graph = rx.PyGraph(multigraph=False)
    node = {bit: graph.add_node(bit) for bit in [*circuit.qubits, *circuit.clbits]}
    for item in items:
        first, *others = [node[bit] for bit in [*item.qubits, *item.clbits]]
        graph.add_edges_from_no_data([(first, other) for other in others])
    groups = [sorted(group) for group in rx.connected_components(graph)]
    owner = {graph[k]: position for position, group in enumerate(groups) for k in group}
    members: list[list[Any]] = [[] for _ in groups]
    for item in items:
        members[owner[item.qubits[0]]].append(item)
    return [
        _part(circuit, group, own)
        for group, own in zip(groups, members, strict=True)
        if any(item.clbits for item in own)
    ]


def _part(
    circuit: QuantumCircuit, group: Sequence[int], items: Iterable[Any]
) -> tuple[list[int], QuantumCircuit]:
    qubits = [k for k in group if k < circuit.num_qubits]
    position = {circuit.qubits[k]: new for new, k in enumerate(qubits)}
    part = QuantumCircuit(len(qubits))
    part.add_bits(circuit.clbits)
    for register in circuit.cregs:
        part.add_register(register)
    for item in items:
        part.append(item.operation, [position[qubit] for qubit in item.qubits], item.clbits)
    return qubits, part
