"""What counts the bitstrings."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from backends import Backend, make_backend
from qvunet.config.options import Section


class Executor(Section):
    """A backend that measures with shots."""

    backend: Literal["statevector", "aer_shots"] = "statevector"
    """`statevector` draws from the exact distribution; `aer_shots` runs Qiskit Aer."""
    noise_model: str | None = None
    """Of `aer_shots`: a device, or None for an ideal one."""

    @model_validator(mode="after")
    def _only_aer_has_noise(self) -> Executor:
        if self.noise_model is not None and self.backend != "aer_shots":
            raise ValueError(f"noise_model: needs backend aer_shots, not {self.backend}")
        return self

    @property
    def label(self) -> str:
        """How tables and plots call it."""
        if self.noise_model is not None:
            return f"Aer, {self.noise_model}"
        return "sampling engine" if self.backend == "statevector" else "Aer, ideal"

    def make(self, shots: int | None, **options: Any) -> Backend:
        """A backend with so many shots; with None the exact engine, of which nothing is random."""
        if shots is None:
            return make_backend("statevector")
        noise = {} if self.noise_model is None else {"noise_model": self.noise_model}
        return make_backend(self.backend, shots=shots, **noise, **options)
