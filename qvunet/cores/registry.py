"""Every core that `model.core` can name."""

from __future__ import annotations

from backends import Backend
from backends.errors import UserError
from qvunet.ansatz import Ansatz
from qvunet.ansatz.reduced import with_local_rotations
from qvunet.cores.base import Cores
from qvunet.cores.circuits import CircuitCores
from qvunet.cores.controls import CONTROLS, ControlCores

CORES = ("circuits", "frozen", "no_entanglers", *CONTROLS)
"""Circuits; circuits with random weights that are never trained; circuits in which nothing joins two qubits;
and `CONTROLS`, which are no circuits."""


def make_cores(
    core: str, ansatz: Ansatz, backend: Backend, *, share: bool, weight_init: str, uploads: int = 1
) -> Cores:
    """What makes the cores of a network.

    Args:
        core: one of `CORES`.
        ansatz: the circuit, or that whose place is taken.
        backend: what runs circuits.
        share: whether all circuits of a core have one set of weights.
        weight_init: how circuit weights start, a key of `qvunet.cores.circuits.WEIGHT_INITS`.
        uploads: how often circuits read their angles; controls do once.

    Raises:
        UserError: if there is no such core.
    """
    if core not in CORES:
        raise UserError(f"core = {core!r}: allowed are {', '.join(CORES)}")
    if core in CONTROLS:
        return ControlCores(ansatz, share, CONTROLS[core])
    circuit = with_local_rotations(ansatz) if core == "no_entanglers" else ansatz
    return CircuitCores(circuit, backend, share, weight_init, uploads, trained=core != "frozen")
