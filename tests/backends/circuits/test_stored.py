"""Circuits as QPY."""

from __future__ import annotations

import pytest
from qiskit import qpy
from qiskit.circuit import ParameterVector, QuantumCircuit

from backends.circuits.stored import OLDEST_QPY, from_qpy, to_qpy
from backends.errors import UserError


@pytest.fixture
def circuit() -> QuantumCircuit:
    x = ParameterVector("x", 2)
    made = QuantumCircuit(2)
    made.rx(x[0] / 2 + 1, 0)
    made.crz(x[1].sin(), 0, 1)
    return made


def test_a_circuit_comes_back_from_the_oldest_version_that_takes_it(circuit):
    content = to_qpy(circuit)
    assert content[6] == max(OLDEST_QPY, qpy.QPY_COMPATIBILITY_VERSION)
    assert from_qpy(content) == circuit


def test_versions_that_are_not_read(circuit):
    content = to_qpy(circuit)
    for version, advice in ((OLDEST_QPY - 1, ""), (qpy.QPY_VERSION + 1, "; install a newer one")):
        with pytest.raises(UserError, match=f"QPY of version {version}, .*{advice}$"):
            from_qpy(content[:6] + bytes([version]) + content[7:])


@pytest.mark.parametrize("content", [b"", b"QISKIT", b"qiskit\x0d"])
def test_what_is_no_qpy(content):
    with pytest.raises(ValueError, match="does not begin as QPY does"):
        from_qpy(content)
