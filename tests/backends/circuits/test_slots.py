from __future__ import annotations

import numpy as np
import pytest
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.circuit.library import U1Gate, U2Gate, U3Gate
from qiskit.quantum_info import Statevector

from backends.circuits.slots import with_own_parameters
from backends.errors import UserError


def test_every_free_angle_gets_a_parameter_and_gates_stay():
    a, b = ParameterVector("p", 2)
    circuit = QuantumCircuit(2, global_phase=a / 2)
    circuit.append(U3Gate(a + 0.1, 0.3, 2 * b), [0])
    circuit.cx(0, 1)
    circuit.append(U2Gate(-a, b), [1])
    circuit.append(U1Gate(0.7), [0])
    circuit.rzz(a - b, 0, 1)
    named, own, angles = with_own_parameters(circuit, [a, b])
    assert named.count_ops() == circuit.count_ops()
    assert set(named.parameters) == set(own)
    assert len(own) == 5
    for row in np.random.default_rng(0).uniform(-3, 3, (3, 2)):
        bound = named.assign_parameters(dict(zip(own, angles(row, np.zeros(0)), strict=True)))
        truth = circuit.assign_parameters(dict(zip([a, b], row, strict=True)))
        assert Statevector(bound).equiv(Statevector(truth))


def test_a_free_controlled_rotation_is_refused():
    angle = ParameterVector("p", 1)
    circuit = QuantumCircuit(2)
    circuit.crx(angle[0], 0, 1)
    with pytest.raises(UserError, match="'crx': Qiskit Aer cannot bind"):
        with_own_parameters(circuit, angle)
