"""Executors of variational circuits: one abstraction over simulators and hardware.

`make_backend(name, **options)` gives a `Backend`; ``backend.layer(ansatz)`` gives a torch module. This
package knows circuits, not images.

A user meets `layer`, `prepared`, `qnn`, `options` and `errors`. The rooms, each of which may import those
after it:

- `statevector`, `aer`, `ibm`, `vendors`: the backends.
- `primitives`: what those share that stand on a Qiskit estimator; `channels`: noise exactly.
- `devices`: chips, and how a circuit gets onto one.
- `exact`: the exact engine.
- `gradients`: shift rules and other derivatives.
- `measuring`: random numbers and counts; `circuits`: circuits as plain data; `records`: what is kept of jobs.
- `functions`: what options name as ``package.module:function``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from backends.errors import UserError

if TYPE_CHECKING:
    from backends.layer import Backend, CircuitLayer
    from backends.options import BACKEND_NAMES, BackendOptions
    from backends.prepared import PreparedState

__all__ = ["BACKEND_NAMES", "Backend", "CircuitLayer", "PreparedState", "UserError", "make_backend"]

_CLASSES = {
    "statevector": ("statevector.backend", "StatevectorBackend"),
    "aer_statevector": ("aer.exact", "AerStatevectorBackend"),
    "aer_shots": ("aer.shots", "AerShotsBackend"),
    "ibm_runtime": ("ibm.backend", "IbmRuntimeBackend"),
    "estimator": ("vendors.backend", "VendorBackend"),
}
_MODULES = {
    "BACKEND_NAMES": "options",
    "Backend": "layer",
    "CircuitLayer": "layer",
    "PreparedState": "prepared",
}


def make_backend(name: str | BackendOptions = "statevector", **options: Any) -> Backend:
    """Make a backend from its name and options, or from options already validated.

    Args:
        name: one of `BACKEND_NAMES`, or an instance of an options class.
        **options: see `backends.options`.

    Raises:
        UserError: names the backend or option that is wrong and what is allowed.
    """
    from backends.options import BackendOptions

    if isinstance(name, BackendOptions):
        if options:
            raise UserError(f"options given twice: {', '.join(options)} beside {name!r}")
        validated = name
    else:
        validated = _validate({"name": name, **options})
    module, cls = _CLASSES[validated.name]
    return getattr(importlib.import_module(f".{module}", __name__), cls)(validated)


def _validate(values: dict[str, Any]) -> Any:
    from pydantic import TypeAdapter, ValidationError

    from backends.options import BACKEND_NAMES, AnyBackendOptions

    if values["name"] not in BACKEND_NAMES:
        raise UserError(f"unknown backend {values['name']!r}; allowed: {', '.join(BACKEND_NAMES)}")
    try:
        return TypeAdapter(AnyBackendOptions).validate_python(values)
    except ValidationError as error:
        raise UserError("; ".join(_explain(values["name"], e) for e in error.errors())) from None


def _explain(name: str, error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"][1:]) or "options"
    if error["type"] == "extra_forbidden":
        allowed = sorted(set(_options_class(name).model_fields) - {"name"})
        return f"backend {name}: unknown option {key!r}; allowed: {', '.join(allowed)}"
    return f"backend {name}: {key} = {error['input']!r}: {error['msg']}"


def _options_class(name: str) -> type[BackendOptions]:
    from backends.options import BackendOptions

    return next(c for c in BackendOptions.__subclasses__() if c.model_fields["name"].default == name)


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `--help` needs neither torch nor pydantic."""
    if name in _MODULES:
        return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
