"""The circuits that configs can name."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from backends.errors import UserError
from qvunet.ansatz.base import Ansatz
from qvunet.ansatz.basic_entangler import basic_entangler
from qvunet.ansatz.external import external_ansatz, is_external
from qvunet.ansatz.fqconv import fqconv
from qvunet.ansatz.hqconv import hqconv
from qvunet.tools.entry_points import installed_ansatze

ANSATZES: dict[str, Callable[..., Ansatz]] = {
    "hqconv": hqconv,
    "fqconv": fqconv,
    "basic_entangler": basic_entangler,
}
"""Every ansatz that configs can name."""


def make_ansatz(name: str, **options: int) -> Ansatz:
    """Build an ansatz.

    Args:
        name: a key of `ANSATZES`; or else an entry point of an installed package, or
            ``package.module:function``, see `external.external_ansatz`.
        **options: passed on, e.g. `num_layers`.

    Raises:
        UserError: if the name or an option is unknown or an option is below its minimum.
    """
    if name not in ANSATZES:
        if is_external(name):
            return external_ansatz(name, **options)
        known = ", ".join([*(ANSATZES | installed_ansatze()), "package.module:function"])
        raise UserError(f"unknown ansatz {name!r}; allowed: {known}")
    allowed = inspect.signature(ANSATZES[name]).parameters
    for option in options:
        if option not in allowed:
            raise UserError(f"ansatz {name}: unknown option {option!r}; allowed: {', '.join(allowed)}")
    return ANSATZES[name](**options)
