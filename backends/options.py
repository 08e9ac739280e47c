"""The options each backend takes, validated once for Python and for config files."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

GradientName = Literal["adjoint", "param_shift", "spsa", "surrogate"]


class BackendOptions(BaseModel):
    """What every backend takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    gradient: GradientName
    threads: PositiveInt | None = None
    """CPU threads for the simulator; None follows torch's own setting."""


class StatevectorOptions(BackendOptions):
    """`statevector`: the exact engine in torch, the default."""

    name: Literal["statevector"] = "statevector"
    gradient: Literal["adjoint"] = "adjoint"


class AerStatevectorOptions(BackendOptions):
    """`aer_statevector`: Qiskit Aer without noise, exact expectations."""

    name: Literal["aer_statevector"] = "aer_statevector"
    gradient: Literal["param_shift", "surrogate"] = "param_shift"


AnyBackendOptions = Annotated[StatevectorOptions | AerStatevectorOptions, Field(discriminator="name")]
"""Discriminated by `name`; config files embed this type."""

BACKEND_NAMES: tuple[str, ...] = ("statevector", "aer_statevector")
