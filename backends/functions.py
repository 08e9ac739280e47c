"""Functions of the user's own, named in options and configs as ``package.module:function``."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import reduce
from pathlib import Path
from typing import Any

from backends.errors import UserError


def import_function(name: str, key: str) -> Callable[..., Any]:
    """Import a function.

    Modules are found where Python finds them, and at last in the current folder.

    Args:
        name: ``package.module:function``, or ``package.module:Class.method``.
        key: of the config, or the option, which errors name.

    Raises:
        UserError: if there is no such module or function, or the module cannot be imported.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise UserError(f"{key}: {name!r} names no function; allowed is package.module:function")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # not first, where a file of the user's could hide a module of Python's
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if f"{module_name}.".startswith(f"{error.name}."):
            raise UserError(
                f"{key}: no module {error.name!r}, neither installed nor in {here}; "
                "install its package, or put its folder on PYTHONPATH"
            ) from None
        raise UserError(f"{key}: {module_name} cannot be imported ({describe_failure(error)})") from error
    except MemoryError:
        raise
    except Exception as error:  # whatever the user's module does
        raise UserError(f"{key}: {module_name} cannot be imported ({describe_failure(error)})") from error
    try:
        found = reduce(getattr, function_name.split("."), module)
    except AttributeError as error:
        close = get_close_matches(error.name or function_name, dir(error.obj), n=1)
        meant = f" (did you mean {close[0]!r}?)" if close else ""
        raise UserError(f"{key}: {module_name} has no function {function_name!r}{meant}") from None
    if not callable(found):
        kind = type(found).__name__
        raise UserError(f"{key}: {module_name} has no function {function_name!r}, but one of the type {kind}")
    return found


def call_function(
    function: Callable[..., Any], options: Mapping[str, Any], key: str, options_key: str
) -> Any:
    """Call a function of the user's.

    Args:
        function: of `import_function`.
        options: its keyword arguments.
        key: of the config, which names the function.
        options_key: of the config, which gives the options.

    Raises:
        UserError: if it does not take these options, or fails.
    """
    try:
        inspect.signature(function).bind(**options)
    except TypeError as error:
        signature = f"{getattr(function, '__name__', key)}{inspect.signature(function)}"
        raise UserError(f"{options_key}: {error}; the function is {signature}") from None
    except ValueError:  # written in C, without a signature
        pass
    try:
        return function(**options)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # whatever the user's function does
        raise UserError(f"{key}: failed ({describe_failure(error)})") from error


def describe_failure(error: Exception) -> str:
    """Where and what, in one line."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}: {type(error).__name__}: {error}"
