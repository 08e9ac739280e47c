from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import pytest

from qvunet.ansatz import basic_entangler, hqconv
from qvunet.description.describe import describe_model
from qvunet.description.facts import CircuitGroup
from qvunet.description.layout import MARGIN, WIDTH, Layout, circuit_lines, lay_out
from tests.qvunet.networks import build

NETWORKS = {
    "compact": {},
    "compact quanv 100 %": {"ansatz": "hqconv", "quanv": True, "hybridization": 1.0},
    "compact control": {"ansatz": "hqconv", "quanv": True, "core": "encoding"},
    "wide hqconv": {"preset": "wide", "ansatz": "hqconv"},
}


@pytest.fixture(scope="module", params=NETWORKS.values(), ids=NETWORKS)
def layout(request) -> Layout:
    return lay_out(describe_model(build(**request.param, double=False)), top=1.0)


def test_boxes_lie_apart_and_within_the_picture(layout):
    boxes = [*layout.down, *layout.vertex, *layout.up]
    for a, b in combinations(boxes, 2):
        assert a.right < b.left or b.right < a.left or a.bottom < b.top or b.bottom < a.top, (a, b)
    assert min(box.left for box in boxes) == MARGIN
    assert max(box.right for box in boxes) == WIDTH - MARGIN
    assert min(box.top for box in boxes) == 1.0
    assert max(box.bottom for box in boxes) == layout.bottom


def test_the_path_goes_down_and_up_again(layout):
    assert layout.down[0].block.name == "stem"
    assert layout.up[-1].block.name == "head"
    assert all(above.bottom < below.top for above, below in pairwise([*layout.down, *layout.vertex]))
    assert all(above.bottom < below.top for above, below in pairwise(reversed(layout.up)))


def test_skip_connections_are_level_and_join_maps_of_one_size(layout):
    assert layout.skips
    for kept, taker in layout.skips:
        assert kept.first_line == taker.first_line
        assert kept.block.shape[1:] == taker.block.shape[1:]


def test_circuits_are_told_once_where_all_places_hold_the_same():
    one, patches = group("first half"), group("first half", num_patches=49)
    rest = group("first half", ansatz=basic_entangler(), num_circuits=1)
    assert circuit_lines([one]) == ("first half: 2 x hqconv on 12 qubits",)
    assert circuit_lines([patches, replace(patches, place="second half")]) == (
        "each half: 2 x hqconv on 12 qubits, 49 patches",
    )
    assert circuit_lines([one, rest, replace(one, place="second half")]) == (
        "first half: 2 x hqconv on 12 qubits + 1 x basic_entangler on 4 qubits",
        "second half: 2 x hqconv on 12 qubits",
    )


def test_a_control_is_told_where_circuits_would_be():
    layout = lay_out(describe_model(build(ansatz="hqconv", core="mlp", double=False)), top=0.0)
    assert [box.inside for box in layout.vertex] == [("mlp in the circuits' place",)] * 2


def group(place: str, **changes: Any) -> CircuitGroup:
    facts = {"ansatz": hqconv(), "num_circuits": 2, "num_weights": 56, "num_patches": 1}
    return CircuitGroup("vertex.a", place, depth=13, two_qubit_depth=12, **facts | changes)
