"""Where jobs go: a device of IBM Quantum, or a simulator that stands for one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_runtime import QiskitRuntimeService
from qiskit_ibm_runtime.accounts.exceptions import AccountNotFoundError, InvalidAccountError
from qiskit_ibm_runtime.exceptions import IBMInputValueError, IBMNotAuthorizedError, RuntimeJobNotFound
from qiskit_ibm_runtime.utils import validate_isa_circuits
from samplomatic.transpiler.passes.add_tags import AddTags

from backends.devices.calibration import calibrated_at
from backends.devices.compiling import Compiled, compile_circuit
from backends.devices.device import fake_device_names, load_device, restrict
from backends.devices.lowering import choose
from backends.devices.split_simulator import SplitSimulator
from backends.errors import ExecutionError, UserError
from backends.ibm.secrets import redact
from backends.options import IbmRuntimeOptions, Lowering

Array = npt.NDArray[np.float64]

LEAST_BUSY = "least_busy"
"""As a backend name: the device with the shortest queue, whatever its quality."""


@dataclass(frozen=True)
class Placed:
    """A circuit ready to run.

    Attributes:
        circuit: in the device's gates; its layout maps observables.
        backend: what jobs are submitted to.
        values: from values of the parameters of the circuit that was asked for, (R, num_parameters), to those
            of `circuit`.
        chip_qubits: where each of the circuit's qubits is on the chip.
    """

    circuit: QuantumCircuit
    backend: BackendV2
    values: Callable[[Array], Array]
    chip_qubits: Sequence[int]


class Site(ABC):
    """A place that runs jobs.

    Attributes:
        device: what circuits are compiled for.
        jobs_per_minute: how many it accepts; None for any number.
        poll_seconds: time between two looks at a job.
    """

    device: BackendV2
    jobs_per_minute: int | None
    poll_seconds: float

    def __init__(self, options: IbmRuntimeOptions) -> None:
        self.options = options

    @abstractmethod
    def place(self, circuit: QuantumCircuit, lowering: Lowering | None = None) -> Placed:
        """Compile a circuit, by another lowering than the options' if one is named."""

    @abstractmethod
    def job(self, job_id: str) -> Any | None:
        """A job submitted earlier, perhaps by another process; None if nobody knows it."""

    @abstractmethod
    def job_tagged(self, tag: str) -> Any | None:
        """A job by a tag that only it has; None if there is none."""

    def before_job(self) -> None:  # noqa: B027
        """Called each time before a job is made."""

    def calibration(self) -> str | None:
        """When the device was last calibrated, in ISO 8601; None if it does not say."""
        return calibrated_at(self.device)

    def queue(self) -> str:
        """What stands between a job and its turn, for people; empty where nothing does."""
        return ""

    def _compile(self, circuit: QuantumCircuit, lowering: Lowering | None) -> Compiled:
        return compile_circuit(
            circuit,
            self.device,
            lowering or self.options.lowering,
            optimization_level=self.options.optimization_level,
            seed=self.options.seed_transpiler,
        )


class Rehearsal(Site):
    """A recorded device: jobs run here, with the noise of its calibration, on the qubits a circuit uses.

    Nothing outlives the process but the journal. Independent parts of a circuit are simulated apart.
    """

    jobs_per_minute = None
    poll_seconds = 0.05

    def __init__(self, options: IbmRuntimeOptions) -> None:
        super().__init__(options)
        self.device = load_device(options.backend_name)
        choose(options.lowering, self.device)  # refuses what the device cannot do

    def place(self, circuit: QuantumCircuit, lowering: Lowering | None = None) -> Placed:
        """Compile for the chip, then cut out what is used."""
        compiled = self._compile(circuit, lowering)
        small, part = restrict(compiled.circuit, self.device)
        simulator = SplitSimulator.on(part, self.options.threads, idling=self.options.idling)
        return Placed(small, simulator, compiled.values, part.chip_qubits)

    def before_job(self) -> None:
        """Free the names that the runtime gives to boxes; a process has thirteen for boxes that look alike.

        They are for jobs to share what they learn of the noise, and only rehearsals ask for them.
        """
        AddTags._BOX_KEYS.clear()
        AddTags._REFS.clear()

    def job(self, job_id: str) -> None:
        """No job of another process is left."""

    def job_tagged(self, tag: str) -> None:
        """No job of another process is left."""


class Account:
    """An account of IBM Quantum, and the jobs that were submitted with it.

    Args:
        options: name the account and its instance.

    Raises:
        UserError: if there is no such account.
        ExecutionError: if the service cannot be reached.
    """

    def __init__(self, options: IbmRuntimeOptions) -> None:
        with connecting():
            # "auto" is the account's own instance, or the best of them, without a page of warnings
            self.service = QiskitRuntimeService(name=options.account, instance=options.instance or "auto")

    def job(self, job_id: str) -> Any | None:
        """A job by its id; None if nobody knows it."""
        try:
            return self.service.job(job_id)
        except RuntimeJobNotFound:
            return None

    def job_tagged(self, tag: str) -> Any | None:
        """A job by a tag that only it has; None if there is none."""
        found = self.service.jobs(limit=1, job_tags=[tag])
        return found[0] if found else None


class Cloud(Site):
    """A device of the account.

    Args:
        options: name the device and the account.
        num_qubits: that the device must have at least.
        earlier: the device of the command's earlier jobs, which ``least_busy`` keeps to.
    """

    jobs_per_minute = 5
    poll_seconds = 5.0

    def __init__(self, options: IbmRuntimeOptions, num_qubits: int, earlier: str | None = None) -> None:
        super().__init__(options)
        self.account = Account(options)
        self.service = self.account.service
        with connecting():
            self.device = self._find(options.backend_name, num_qubits, earlier)
        choose(options.lowering, self.device)  # refuses what the device cannot do

    def place(self, circuit: QuantumCircuit, lowering: Lowering | None = None) -> Placed:
        """Compile, and check what the service would refuse."""
        compiled = self._compile(circuit, lowering)
        validate_isa_circuits([compiled.circuit], self.device.target)
        return Placed(compiled.circuit, self.device, compiled.values, range(self.device.num_qubits))

    def job(self, job_id: str) -> Any | None:
        """Ask the service."""
        return self.account.job(job_id)

    def job_tagged(self, tag: str) -> Any | None:
        """Ask the service."""
        return self.account.job_tagged(tag)

    def calibration(self) -> str | None:
        """Ask the service."""
        self.device.properties(refresh=True)
        return calibrated_at(self.device)

    def queue(self) -> str:
        """Ask the service."""
        status = self.device.status()
        state = "" if status.status_msg == "active" else f" and {self.device.name} is in {status.status_msg}"
        return f"{status.pending_jobs} jobs are pending there{state}"

    def _find(self, name: str, num_qubits: int, earlier: str | None) -> BackendV2:
        features = {"use_fractional_gates": True} if self.options.lowering == "fractional" else {}
        if name == LEAST_BUSY and earlier is None:
            return self.service.least_busy(
                operational=True, simulator=False, min_num_qubits=num_qubits, **features
            )
        try:
            return self.service.backend(earlier if name == LEAST_BUSY else name, **features)
        except QiskitBackendNotFoundError:
            there = sorted(device.name for device in self.service.backends())
            if not there:  # the client takes an instance that it cannot ask for one without devices
                raise ExecutionError("IBM Quantum lists no device of this account's instances") from None
            raise UserError(
                f"backend_name = {name!r}: not in this account; allowed: {', '.join([LEAST_BUSY, *there])}, "
                f"or to rehearse {', '.join(fake_device_names()[:3])}, ..."
            ) from None


@contextmanager
def connecting() -> Iterator[None]:
    """Turn what goes wrong between us and the service into our errors, without tokens."""
    try:
        yield
    except (UserError, ExecutionError):
        raise
    except AccountNotFoundError:
        raise UserError(
            "no IBM Quantum account: save one with QiskitRuntimeService.save_account or set "
            "QISKIT_IBM_TOKEN; a fake_* backend_name, such as fake_kingston, needs none"
        ) from None
    except QiskitBackendNotFoundError as error:
        raise UserError(f"backend_name = {LEAST_BUSY!r}: no device fits ({redact(error)})") from None
    except Exception as error:
        if _is_refusal(error):
            raise UserError(f"IBM Quantum refuses the account: {redact(error)}") from None
        reason = error.__cause__ if isinstance(error, InvalidAccountError) else error
        raise ExecutionError(f"IBM Quantum cannot be reached: {redact(reason)}") from None


def _is_refusal(error: Exception) -> bool:
    """Whether the account is wrong, and not the way to the service."""
    if isinstance(error, InvalidAccountError):  # the client's for whatever its search for instances meets
        return error.__cause__ is None or getattr(error.__cause__, "code", None) in (400, 401, 403)
    return isinstance(error, IBMNotAuthorizedError | IBMInputValueError | ValueError) and not isinstance(
        error,
        OSError,  # an answer that is no JSON, such as a proxy's
    )
