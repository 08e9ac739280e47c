"""Circuits as files, in Qiskit's QPY: no pickle, and no version of it that could run code."""

from __future__ import annotations

import io
import warnings

import qiskit
from qiskit import qpy
from qiskit.circuit import QuantumCircuit

from backends.errors import UserError

OLDEST_QPY = 13
"""Older versions hold expressions as text or as Symengine's memory, which were ways to run code
(CVE-2025-2000); none was ever written here."""

MAGIC = b"QISKIT"
"""How QPY begins."""


def to_qpy(circuit: QuantumCircuit) -> bytes:
    """QPY of the oldest version that takes the circuit, for most versions of Qiskit read that."""
    try:
        return _dump(circuit, qpy.QPY_COMPATIBILITY_VERSION)
    except qpy.UnsupportedFeatureForVersion:
        return _dump(circuit, qpy.QPY_VERSION)


def from_qpy(content: bytes) -> QuantumCircuit:
    """The circuit that `to_qpy` wrote.

    Raises:
        UserError: if this Qiskit does not read its version.
        Exception: of any kind, if it is damaged.
    """
    if content[: len(MAGIC)] != MAGIC or len(content) <= len(MAGIC):
        raise ValueError("it does not begin as QPY does")
    version = content[len(MAGIC)]
    if not OLDEST_QPY <= version <= qpy.QPY_VERSION:
        raise UserError(
            f"QPY of version {version}, where Qiskit {qiskit.__version__} is trusted to read "
            f"{OLDEST_QPY} to {qpy.QPY_VERSION}" + ("; install a newer one" if version > OLDEST_QPY else "")
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a vector of which some elements are not in the circuit
        (circuit,) = qpy.load(io.BytesIO(content))
    return circuit


def _dump(circuit: QuantumCircuit, version: int) -> bytes:
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer, version=version)
    return buffer.getvalue()
