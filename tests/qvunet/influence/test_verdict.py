from __future__ import annotations

import pytest

from qvunet.influence.change import Change
from qvunet.influence.result import Band, Finding
from qvunet.influence.verdict import verdict


def finding(kind, value, margin, where="circuits", bands=()):
    return Finding(kind, where, Change(value, value - margin, value + margin), tuple(bands), 0.1)


@pytest.mark.parametrize(
    ("value", "margin", "said"),
    [
        (0.083, 0.01, "The circuits matter to this network: replaced by zeros"),
        (0.00001, 0.00001, "The circuits do nothing for this network"),
        (0.004, 0.001, "The circuits matter little to this network"),
        (0.02, 0.02, "Whether the circuits matter is not certain with so few images"),
    ],
)
def test_fixed_rules(value, margin, said):
    assert verdict([finding("zero", value, margin)], "circuits").startswith(said)


def test_the_strongest_removal_counts():
    text = verdict([finding("zero", 0.05, 0.001), finding("shuffled", 0.119, 0.001)], "circuits")
    assert "shuffled among rows, the held-out loss changes by +11.9 %" in text


def test_noise_levels_comparisons_and_cosines_are_told():
    bands = [Band(0, 100, Change(0.2, 0.1, 0.3)), Band(100, 200, Change(0.0, -0.1, 0.1))]
    found = [
        finding("zero", 0.083, 0.01, bands=bands),
        finding("cosine", 0.2, 0.01),
        finding("zero", 0.5, 0.1, "beside the circuits"),
        finding("zero", 0.01, 0.001, "vertex"),
    ]
    text = verdict(found, "circuits")
    assert "at the noise levels 0 to 100." in text
    assert "Without the convolutions beside them the loss changes more: by +50.0 %." in text
    assert "Without the whole vertex the loss changes less" in text
    assert "train the same config with model.core=encoding" in text


def test_controls_are_called_by_their_name():
    text = verdict([finding("zero", 0.083, 0.01), finding("cosine", 0.2, 0.01)], "mlp")
    assert text.startswith("What stands in the circuits' place (mlp) matter")
    assert "model.core" not in text
