"""Running what a client submits, and saying what came of it in the client's own encoding."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ibm_quantum_schemas.common import CompressedTensorModel
from ibm_quantum_schemas.executor.version_2_0.models import (
    ChunkPart,
    ChunkSpan,
    ItemMetadataModel,
    MetadataModel,
    QuantumProgramResultItemModel,
    QuantumProgramResultModel,
)
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.fake_provider.executor.run_quantum_program import run_quantum_program
from qiskit_ibm_runtime.options_models.simulator import SimulatorOptions
from qiskit_ibm_runtime.quantum_program.converters.converters_2_0 import passthrough_data_to_2_0
from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS
from samplomatic.quantum_program import SamplexItem

from backends.devices.device import SubDevice
from backends.devices.split_simulator import SplitSimulator


class Chip:
    """A recorded device that runs programs, with the noise of its calibration."""

    def __init__(self, device: BackendV2) -> None:
        self._simulator = SplitSimulator()
        self._simulator._device = SubDevice(device, range(device.num_qubits))
        self._simulator._threads, self._simulator._parts = 1, {}
        self._simulator._idling = False
        self._known: dict[tuple[str, int], str] = {}

    def run(self, params: dict[str, Any], seed: int) -> str:
        """Run an executor's program; one that has run before need not run again.

        Args:
            params: as they came over the wire.
            seed: of twirls and noise.

        Returns:
            The body of the answer to a request for the job's results.
        """
        key = json.dumps(params), seed
        if key not in self._known:
            self._known[key] = self._run(params, seed)
        return self._known[key]

    def _run(self, params: dict[str, Any], seed: int) -> str:
        converter = QUANTUM_PROGRAM_PARAMS_CONVERTERS[params["schema_version"]]
        program, _ = converter.decoder(converter.model.model_validate(params))
        for item in program.items:
            if isinstance(item, SamplexItem):
                item.samplex.finalize()
        started = datetime.now(UTC)
        result = run_quantum_program(self._simulator, program, SimulatorOptions(seed_simulator=seed))
        return QuantumProgramResultModel(
            data=[
                QuantumProgramResultItemModel(
                    results={name: CompressedTensorModel.from_numpy(array) for name, array in item.items()},
                    metadata=ItemMetadataModel(),
                )
                for item in result
            ],
            metadata=MetadataModel(
                chunk_timing=[
                    ChunkSpan(
                        start=started,
                        stop=datetime.now(UTC),
                        parts=[
                            ChunkPart(
                                idx_item=k,
                                size=item.size(),
                                permutation=list(range(len(item.shape))),
                                element_range=(0, item.size(), 1),
                            )
                            for k, item in enumerate(program.items)
                        ],
                    )
                ]
            ),
            passthrough_data=passthrough_data_to_2_0(result.passthrough_data),
            semantic_role=result._semantic_role,
        ).model_dump_json()
