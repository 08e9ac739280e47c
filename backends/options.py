"""The options each backend takes, validated once for Python and for config files."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

GradientName = Literal["adjoint", "param_shift", "spsa", "surrogate"]

Seed = Annotated[int, Field(ge=0, lt=2**64)]
"""What generators take: 64 bits."""

MAX_NOISY_SHOTS = 10**8
"""Of a row, where noise is simulated: a million shots of a few qubits take a second or two."""

Shots = Annotated[int, Field(ge=1, le=10**9)]
"""Of a row, drawn from a distribution that is known."""

JobShots = Annotated[int, Field(ge=1, le=10**7)]
"""Of a circuit on hardware, where a job may have no more executions in all."""

Lowering = Literal["pauli", "merged", "fractional", "bound"]
"""How a circuit is written for a device: every rotation by itself, through Qiskit's transpiler; all rotations
of a pair of qubits merged into one; so, with RZZ gates of any angle, which halves the two-qubit gates; or
merged, with what readings in Z alone allow, and parts of up to three qubits made anew for each set of
weights, with fewer gates."""

Tiles = PositiveInt | Literal["auto"]
"""Copies of a circuit side by side on a chip, each of which serves a row in every execution; ``auto``
takes as many as do nearly as well as one alone, by the calibration of the device."""


def truth_values_as_text(cls: type[BaseModel], values: Any) -> Any:
    """The values of a model before they are validated: pydantic takes `true` for 1, but refuses the text."""
    if not isinstance(values, dict):
        return values
    numeric = {key for key, field in cls.model_fields.items() if "bool" not in str(field.annotation)}
    return {key: _as_text(value) if key in numeric else value for key, value in values.items()}


def _as_text(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_as_text(each) for each in value]
    return str(value).lower() if isinstance(value, bool) else value


class BackendOptions(BaseModel):
    """What every backend takes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_numbers(cls, values: Any) -> Any:
        return truth_values_as_text(cls, values)

    name: str
    gradient: GradientName | None
    threads: PositiveInt | None = None
    """CPU threads of Aer; None follows torch. The exact engine always runs on torch's own threads."""
    seed: Seed | None = None
    """Of everything random here. None is 0; a run of the command line then takes the run's own seed."""
    spsa_directions: PositiveInt = 1
    """`spsa` only: simultaneous perturbations that are averaged, two executions each."""
    spsa_step: PositiveFloat = 0.1
    """`spsa` only: radians by which every parameter is perturbed."""


class StatevectorOptions(BackendOptions):
    """`statevector`: the exact engine in torch, the default."""

    name: Literal["statevector"] = "statevector"
    gradient: GradientName | None = None
    """None is adjoint, or with shots param_shift."""
    shots: Shots | None = None
    """Bitstrings drawn for every row from the exact distribution; None gives exact expectations."""
    noise_model: str | None = None
    """A device, ``fake_*`` or of an IBM Quantum account, or a JSON file with a saved noise model, whose noise
    is in the expectations exactly; for independent parts of up to 6 qubits."""
    lowering: Literal["pauli", "merged", "fractional"] | None = None
    """On a device: None is merged where it has the gates RZ, SX and CZ, CX or ECR, else pauli."""
    optimization_level: Annotated[int, Field(ge=0, le=3)] = 2
    """Of Qiskit's transpiler, where the lowering is pauli."""
    seed_transpiler: NonNegativeInt = 0
    """Fixes layout and routing on the device."""

    @model_validator(mode="after")
    def _noise_is_exact(self) -> StatevectorOptions:
        if self.noise_model is None and self.lowering is not None:
            raise ValueError(f"lowering = {self.lowering}: goes with a device, which noise_model names")
        if self.noise_model is not None and self.shots is not None:
            raise ValueError("shots with noise_model: the backend aer_shots counts bitstrings with noise")
        if self.noise_model is not None and self.gradient == "param_shift":
            raise ValueError(
                "gradient = param_shift with noise_model: allowed are adjoint, exact with the noise in it, "
                "surrogate and spsa"
            )
        return self

    @model_validator(mode="after")
    def _gradient_fits(self) -> StatevectorOptions:
        if self.shots is not None and self.gradient == "adjoint":
            raise ValueError("gradient = adjoint is exact; with shots take param_shift, spsa or surrogate")
        return self


class AerStatevectorOptions(BackendOptions):
    """`aer_statevector`: Qiskit Aer without noise, exact expectations."""

    name: Literal["aer_statevector"] = "aer_statevector"
    gradient: Literal["param_shift", "spsa", "surrogate"] = "param_shift"


class AerShotsOptions(BackendOptions):
    """`aer_shots`: counts from Qiskit Aer, ideal or with the noise of a device."""

    name: Literal["aer_shots"] = "aer_shots"
    gradient: Literal["param_shift", "spsa", "surrogate"] = "param_shift"
    shots: Shots = 1024
    """Bitstrings measured for every row; with noise at most 100 million."""
    tiles: Tiles = 1
    """Of a circuit, on the device that `noise_model` names; without noise any number makes no difference."""
    noise_model: str | None = None
    """A device, ``fake_*`` or of an IBM Quantum account, or a JSON file with a saved noise model."""
    lowering: Lowering | None = None
    """On a device: None is merged where it has the gates RZ, SX and CZ, CX or ECR, else pauli."""
    method: Literal["automatic", "density_matrix", "statevector"] = "automatic"
    """How noise is simulated; ``statevector`` means one random trajectory a shot."""
    optimization_level: Annotated[int, Field(ge=0, le=3)] = 2
    """Of Qiskit's transpiler, where the lowering is pauli."""
    seed_transpiler: NonNegativeInt = 0
    """Fixes layout and routing on the device."""

    @model_validator(mode="after")
    def _shots_with_noise_end_some_day(self) -> AerShotsOptions:
        if self.noise_model is not None and self.shots > MAX_NOISY_SHOTS:
            raise ValueError(f"shots = {self.shots}: with noise_model at most {MAX_NOISY_SHOTS}")
        return self

    @model_validator(mode="after")
    def _tiles_have_a_device(self) -> AerShotsOptions:
        if self.tiles == "auto" and self.noise_model is None:
            raise ValueError("tiles = auto goes by a device's calibration; name one as noise_model")
        return self


class IbmRuntimeOptions(BackendOptions):
    """`ibm_runtime`: hardware of IBM Quantum, or its rehearsal on a recorded device.

    There is no option for a token: accounts are found where `qiskit_ibm_runtime` keeps them.
    """

    name: Literal["ibm_runtime"] = "ibm_runtime"
    gradient: Literal["param_shift", "spsa", "surrogate"] = "surrogate"
    backend_name: str = "least_busy"
    """A device of the account, ``least_busy``, or ``fake_*`` to rehearse without an account."""
    account: str | None = None
    """Name of a saved account; None takes the default one."""
    instance: str | None = None
    """Service instance, by name or CRN; None lets the account decide."""
    mode: Literal["job", "batch", "session"] = "batch"
    """The Open Plan has no sessions; a session is charged by the clock, a batch by what runs."""
    shots: JobShots = 1024
    """Of each circuit; twirling may round it up."""
    tiles: Tiles = 1
    """Each execution serves as many rows, but all tiles beyond the first lie on worse qubits."""
    resilience_level: Literal[0, 1, 2] = 1
    """0: raw; 1: readout mitigation (TREX); 2: also zero-noise extrapolation and gate twirling, dearer."""
    measure_mitigation: bool | None = None
    """Readout mitigation; None lets `resilience_level` decide, as for the next two."""
    twirl_gates: bool | None = None
    twirl_measure: bool | None = None
    num_randomizations: PositiveInt | None = None
    """Twirls of each circuit, among which its shots are divided; None lets the service's rule decide."""
    dynamical_decoupling: Literal["XX", "XpXm", "XY4"] | None = None
    idling: bool = False
    """Of a rehearsal: qubits that wait relax by their T1 and T2; on a chip they always do."""
    lowering: Lowering | None = None
    """None is merged where the device has the gates RZ, SX and CZ, CX or ECR, else pauli."""
    optimization_level: Literal[0, 1, 2, 3] = 2
    """Of Qiskit's transpiler, where the lowering is pauli."""
    seed_transpiler: NonNegativeInt = 0
    """Fixes layout and routing on the device."""
    max_qpu_seconds: PositiveFloat = 60.0
    """No job is submitted that could take the command's QPU time beyond this."""
    timeout: PositiveFloat | None = None
    """Seconds to wait for a job before giving up (it goes on); None waits for ever."""

    @model_validator(mode="after")
    def _tiles_have_a_device(self) -> IbmRuntimeOptions:
        if self.tiles == "auto" and self.backend_name == "least_busy":
            raise ValueError("tiles = auto goes by a device's calibration; name the device")
        return self

    @model_validator(mode="after")
    def _lowering_fits(self) -> IbmRuntimeOptions:
        if self.lowering == "fractional" and (self.twirl_gates or self.resilience_level == 2):
            raise ValueError(
                "lowering = fractional: fractional gates cannot be twirled; "
                "leave twirl_gates off and resilience_level at 0 or 1"
            )
        return self


class EstimatorOptions(BackendOptions):
    """`estimator`: any V2 estimator of Qiskit or of another vendor, or any BackendV2."""

    name: Literal["estimator"] = "estimator"
    gradient: Literal["param_shift", "spsa", "surrogate"] = "param_shift"
    """On hardware that costs, surrogate asks for nothing beyond the values."""
    estimator: Annotated[Any, Field(exclude=True)] = None
    """A BaseEstimatorV2 or BackendV2, in Python only; config files name a factory."""
    factory: str | None = None
    """Makes one: ``package.module:function``, or a class; imported and called with `options`."""
    options: dict[str, Any] = {}
    """Keyword arguments of the factory."""
    shots: JobShots | None = None
    """Of each circuit, asked for as a standard error of 1 / sqrt(shots)."""
    precision: Annotated[float, Field(ge=0, le=1)] | None = None
    """The same as a standard error, 0 for exact values. Where both are None, the estimator's own default."""
    max_rows: PositiveInt = 1024
    """Parameter sets of a PUB, and so of a job; more are several jobs."""
    max_executions: PositiveInt | None = None
    """Shots of all circuits together (an exact value counts as one) that are never exceeded."""
    lowering: Lowering | None = None
    """Where the estimator names its device: None is merged where that has the gates RZ, SX and CZ, CX or
    ECR, else pauli."""
    optimization_level: Literal[0, 1, 2, 3] = 2
    """Of Qiskit's transpiler, where the lowering is pauli."""
    seed_transpiler: NonNegativeInt = 0
    """Fixes layout and routing on the device."""

    @field_validator("factory")
    @classmethod
    def _factory_is_a_path(cls, factory: str | None) -> str | None:
        module, _, path = (factory or "m:f").partition(":")
        if not all(name.isidentifier() for name in (*module.split("."), *path.split("."))):
            raise ValueError("must be package.module:function")
        return factory

    @model_validator(mode="after")
    def _one_source(self) -> EstimatorOptions:
        if (self.estimator is None) == (self.factory is None):
            raise ValueError("one of estimator and factory says what to ask; a config file names a factory")
        if self.options and self.factory is None:
            raise ValueError("options are those of a factory; an estimator that is made already has its own")
        if self.shots is not None and self.precision is not None:
            raise ValueError("shots and precision: one of them is enough, precision = 1 / sqrt(shots)")
        return self


AnyBackendOptions = Annotated[
    StatevectorOptions | AerStatevectorOptions | AerShotsOptions | IbmRuntimeOptions | EstimatorOptions,
    Field(discriminator="name"),
]
"""Discriminated by `name`; config files embed this type."""

BACKEND_NAMES: tuple[str, ...] = ("statevector", "aer_statevector", "aer_shots", "ibm_runtime", "estimator")
