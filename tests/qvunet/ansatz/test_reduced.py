from __future__ import annotations

import pytest

from qvunet.ansatz import basic_entangler, fqconv, hqconv
from qvunet.ansatz.reduced import with_local_rotations, without_entanglers, without_weighted_gates


@pytest.mark.parametrize(
    ("reduce", "ansatz", "left"),
    [
        (without_weighted_gates, hqconv(2), {"rx": 12}),
        (without_weighted_gates, basic_entangler(4, 2), {"rx": 4, "cx": 8}),
        (without_entanglers, fqconv(1), {"rx": 12}),
        (without_entanglers, basic_entangler(4, 2), {"rx": 12}),
        (with_local_rotations, hqconv(1), {"rx": 12 + 14, "rz": 14}),
        (with_local_rotations, basic_entangler(4, 2), {"rx": 12}),
    ],
)
def test_what_is_left(reduce, ansatz, left):
    reduced = reduce(ansatz)
    assert dict(reduced.circuit.count_ops()) == left
    assert (reduced.inputs, reduced.weights) == (ansatz.inputs, ansatz.weights)
    assert reduced.observables == ansatz.observables
