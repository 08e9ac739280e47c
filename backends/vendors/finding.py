"""The estimator that options name: an object, or what a function makes of its own options."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from qiskit.primitives import BackendEstimatorV2, BaseEstimatorV2
from qiskit.providers import BackendV2

from backends.errors import UserError
from backends.options import EstimatorOptions

WANTED = "allowed: an instance of qiskit.primitives.BaseEstimatorV2 or of qiskit.providers.BackendV2"


def find_estimator(options: EstimatorOptions) -> BaseEstimatorV2:
    """The estimator of the options; a device becomes one through `BackendEstimatorV2`.

    Raises:
        UserError: if there is none; names the option, and what is allowed.
    """
    if options.factory is None:
        return as_estimator(options.estimator, "estimator")
    made = _call(_import(options.factory), options.factory, options.options)
    return as_estimator(made, f"factory = {options.factory!r}: what it returns")


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


def own_precision(estimator: BaseEstimatorV2) -> float | None:
    """The standard error that the estimator takes where none is asked for; None if it does not say."""
    for place in (estimator, getattr(estimator, "options", None)):
        precision = getattr(place, "default_precision", None)
        if isinstance(precision, int | float):
            return float(precision)
    return None


def _import(factory: str) -> Callable[..., object]:
    module_name, _, path = factory.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UserError(
            f"factory = {factory!r}: there is no module {error.name!r}; "
            "install its package, or put its folder on PYTHONPATH"
        ) from None
    except Exception as error:
        raise UserError(f"factory = {factory!r}: {module_name} cannot be imported: {_told(error)}") from error
    try:
        function = reduce(getattr, path.split("."), module)
    except AttributeError:
        raise UserError(f"factory = {factory!r}: {module_name} has no {path!r}") from None
    if not callable(function):
        raise UserError(f"factory = {factory!r}: {path} is no function but of the type {_kind(function)}")
    return function


def _call(function: Callable[..., object], factory: str, options: Mapping[str, Any]) -> object:
    try:
        signature = inspect.signature(function)
    except ValueError:  # of what is compiled
        signature = None
    try:
        if signature is not None:
            signature.bind(**options)
    except TypeError as error:
        raise UserError(f"options: {error}; {factory} takes {signature}") from None
    try:
        return function(**options)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"factory = {factory!r}, options = {dict(options)}: {_told(error)}") from error


def _kind(value: object) -> str:
    return type(value).__name__


def _told(error: Exception) -> str:
    return f"{_kind(error)}: {error}"
