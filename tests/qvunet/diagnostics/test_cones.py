from __future__ import annotations

from dataclasses import replace

from qiskit.quantum_info import SparsePauliOp

from qvunet.ansatz import fqconv, hqconv
from qvunet.diagnostics.cones import Cone, light_cones
from tests.qvunet.diagnostics.circuits import ghz, rotations


def test_without_entanglers_a_qubit_is_alone():
    assert light_cones(rotations(2)) == (Cone("Z0", 2, 4, (0,)), Cone("Z1", 2, 4, (1,)))


def test_fqconv_reads_one_pixel_of_each_channel():
    cones = light_cones(fqconv(3))
    assert [cone.qubits for cone in cones[:4]] == [(p, p + 4, p + 8) for p in range(4)]
    assert {cone.all_gates for cone in cones} == {12 + 72}


def test_one_layer_of_hqconv_keeps_most_qubits_within_their_register():
    sizes = [len(cone.qubits) for cone in light_cones(hqconv(1))]
    assert max(sizes[:4]) == 4
    assert sizes[4] == 12


def test_sums_are_named():
    observable = SparsePauliOp(["XZ", "II"])
    (cone,) = light_cones(replace(rotations(2), observables=[observable]))
    assert cone.observable == "Z0 X1 + 1"
    assert cone.qubits == (0, 1)


def test_ghz():
    assert [cone.qubits for cone in light_cones(ghz(3))] == [(0, 1), (0, 1, 2), (0, 1, 2)]
