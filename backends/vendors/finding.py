"""The estimator that options name: an object, or what a function makes of its own options."""

from __future__ import annotations

import inspect

from qiskit.primitives import BackendEstimatorV2, BaseEstimatorV2
from qiskit.providers import BackendV2

from backends.errors import UserError
from backends.functions import call_function, import_function
from backends.options import EstimatorOptions

WANTED = "allowed: an instance of qiskit.primitives.BaseEstimatorV2 or of qiskit.providers.BackendV2"


def find_estimator(options: EstimatorOptions) -> BaseEstimatorV2:
    """The estimator of the options; a device becomes one through `BackendEstimatorV2`.

    Raises:
        UserError: if there is none; names the option, and what is allowed.
    """
    if options.factory is None:
        return as_estimator(options.estimator, "estimator")
    key = f"factory = {options.factory!r}"
    made = call_function(import_function(options.factory, key), options.options, key, f"{key}, options")
    return as_estimator(made, f"{key}: what it returns")


def as_estimator(found: object, what: str) -> BaseEstimatorV2:
    """An estimator, given itself or a device.

    Args:
        found: anything.
        what: names it in errors.

    Raises:
        UserError: if it is neither.
    """
    if isinstance(found, BaseEstimatorV2):
        return found
    if isinstance(found, BackendV2):
        return BackendEstimatorV2(backend=found)
    if inspect.isclass(found):
        raise UserError(f"{what}: is the class {found.__name__}; {WANTED}")
    kind = type(found).__name__
    if any(base.__name__ == "BaseEstimatorV1" for base in type(found).__mro__):
        raise UserError(f"{what}: {kind} is an estimator of version 1, which takes no PUBs; {WANTED}")
    hint = "; a config file names a factory instead" if isinstance(found, str) else ""
    raise UserError(f"{what}: is of the type {kind}; {WANTED}{hint}")


def device_of(estimator: BaseEstimatorV2) -> BackendV2 | None:
    """What its circuits must be compiled for, if the estimator says so (most have the property `backend`)."""
    device = getattr(estimator, "backend", None)
    return device if isinstance(device, BackendV2) else None


def name_of(estimator: BaseEstimatorV2) -> str:
    """Its device's name, else its class's."""
    device = device_of(estimator)
    return (device and device.name) or type(estimator).__name__


def own_precision(estimator: BaseEstimatorV2) -> float | None:
    """The standard error that the estimator takes where none is asked for; None if it does not say."""
    for place in (estimator, getattr(estimator, "options", None)):
        precision = getattr(place, "default_precision", None)
        if isinstance(precision, int | float):
            return float(precision)
    return None
