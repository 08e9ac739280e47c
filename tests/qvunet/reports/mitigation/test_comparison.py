from __future__ import annotations

import numpy as np
import pytest

from qvunet.reports.mitigation.comparison import compare, recommended


def record(method: str, seconds: float, distances, shots: int = 100, steps: int = 4):
    spec = {"method": method, "shots": shots, "steps": steps, "num": 8, "seed": 0, "device": "fake_fez"}
    result = {
        "distances": list(distances),
        "from_fine": [each + 0.1 for each in distances],
        "exact_from_fine": [0.1] * len(distances),
        "qpu_seconds": seconds,
    }
    return {"kind": "mitigation", "title": method, "spec": spec, "result": result}


NOISY = np.array([0.2, 0.4, 0.3, 0.25, 0.35, 0.3, 0.2, 0.4])


def test_rows_go_by_steps_shots_and_seconds_with_paired_ratios():
    records = [
        record("zne", 9.0, 0.5 * NOISY),
        record("none", 3.0, NOISY),
        record("readout", 4.0, NOISY, shots=50),
    ]
    rows = compare(records)
    assert [(row.method, row.shots) for row in rows] == [("readout", 50), ("none", 100), ("zne", 100)]
    zne = rows[2]
    assert zne.distance.value == pytest.approx(0.15)
    assert zne.distance.low < 0.15 < zne.distance.high
    # An image's two distances are resampled together: the ratio is the same in every resample.
    assert (zne.over_none.value, zne.over_none.low, zne.over_none.high) == pytest.approx((0.5, 0.5, 0.5))
    assert zne.in_all.value == pytest.approx(0.25)
    assert zne.steps_alone == pytest.approx(0.1)
    assert rows[0].over_none is None  # there is none of as many shots
    assert rows[1].over_none is None  # nor is it its own


@pytest.mark.parametrize(
    ("readout", "zne", "expected"),
    [
        (0.50 * NOISY, 0.49 * NOISY[::-1], "readout"),  # as near, for less
        (0.50 * NOISY, 0.20 * NOISY, "zne"),  # shown to be nearer
        (NOISY[::-1], NOISY, "none"),  # nothing helps
    ],
    ids=["as near", "nearer", "no help"],
)
def test_the_cheapest_that_is_not_shown_to_be_worse_is_recommended(readout, zne, expected):
    rows = compare([record("none", 3.0, NOISY), record("readout", 4.0, readout), record("zne", 9.0, zne)])
    assert recommended(rows).method == expected
