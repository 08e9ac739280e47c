from __future__ import annotations

import pytest

from qvunet.ansatz import basic_entangler, fqconv, hqconv, registry
from qvunet.ansatz.reuploading import reuploaded
from qvunet.diagnostics.families import Family
from tests.qvunet.diagnostics.circuits import rotations


@pytest.mark.parametrize(
    ("ansatz", "expected", "sizes"),
    [
        (hqconv(3), Family("hqconv", 1, 3, "num_channels", 3), [1, 2, 3, 4]),
        (fqconv(2, 2), Family("fqconv", 1, 2, "num_channels", 2), [2, 3, 4]),
        (basic_entangler(5, 2), Family("basic_entangler", 1, 2, "num_qubits", 5), list(range(2, 17))),
        (
            reuploaded(fqconv(num_layers=2), 3),
            Family("fqconv", 3, 2, "num_channels", 3),
            [2, 3, 4],
        ),
    ],
)
def test_a_circuit_finds_its_family(ansatz, expected, sizes):
    family = Family.of(ansatz)
    assert family == expected
    assert family.sizes() == sizes
    assert gates(family.member()) == gates(ansatz)


def gates(ansatz):
    circuit = ansatz.circuit
    return [
        (item.name, [circuit.find_bit(q).index for q in item.qubits], list(map(str, item.params)))
        for item in circuit.data
    ]


def test_a_family_may_have_nothing_but_layers(monkeypatch):
    monkeypatch.setitem(registry.ANSATZES, "ladder", lambda num_layers=1: ladder(num_layers))
    family = Family.of(ladder(2))
    assert family == Family("ladder", 1, 2, None, 0)
    assert family.sizes() == []
    assert len(family.member(num_layers=4).weights) == 16


def ladder(num_layers: int):
    from dataclasses import replace

    return replace(basic_entangler(4, num_layers), name="ladder")


def test_other_circuits_have_none():
    assert Family.of(rotations()) is None
