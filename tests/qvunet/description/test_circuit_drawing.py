from __future__ import annotations

from qvunet.ansatz import basic_entangler, fqconv
from qvunet.description.circuit_drawing import COLUMN_WIDTH, circuit_image


def test_small_circuits_keep_their_size_and_large_ones_fit():
    small = circuit_image(basic_entangler(num_layers=1).circuit, max_width=10, dpi=50)
    assert 5 * COLUMN_WIDTH * 50 < small.shape[1] < 10 * COLUMN_WIDTH * 50
    large = circuit_image(fqconv(num_channels=2).circuit, max_width=6, dpi=50)
    assert abs(large.shape[1] - 6 * 50) <= 1
    assert small.shape[2] == large.shape[2] == 4
    assert small[..., :3].min() < 0.3  # there are lines and letters


def test_long_circuits_are_folded():
    four, ten = (circuit_image(basic_entangler(num_layers=n).circuit, max_width=20, dpi=20) for n in (4, 10))
    assert ten.shape[0] > 1.5 * four.shape[0]
