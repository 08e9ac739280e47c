import numpy as np
import pytest

from backends.measuring.bitstrings import Counts, parities

HEXADECIMAL = [{"0x0": 3, "0x5": 1}, {"0x4": 4}]
TABLE = np.array([[3, 0, 0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 4, 0, 0, 0]])


@pytest.mark.parametrize(
    "counts", [Counts.from_hexadecimal(HEXADECIMAL), Counts.from_table(TABLE)], ids=["hexadecimal", "table"]
)
def test_parities_count_the_marked_bits(counts):
    for bits, mean in (([0], [0.5, 1]), ([0, 2], [1, -1]), ([1], [1, 1])):
        np.testing.assert_array_equal(counts.parity(bits), mean)


def test_shots_come_in_any_order():
    counts = Counts.from_table(np.tile([30, 20], (200, 1)))
    shots = counts.shots(np.random.default_rng(0))
    np.testing.assert_array_equal(shots.sum(axis=1), 20)
    assert np.abs(shots.mean(axis=0) - 0.4).max() < 5 * (0.24 / 200) ** 0.5


def test_bitstrings_of_two_parts_are_those_of_one_experiment():
    """Parities of fair bits scatter by 1/sqrt(shots), alone and together; all terms see the same shots."""
    rng, rows, shots = np.random.default_rng(0), 4000, 100
    ones = rng.binomial(shots, 0.5, (2, rows))
    found = {part: Counts.from_table(np.stack([shots - ones[part], ones[part]], axis=1)) for part in (0, 1)}
    a, b, both = parities(found, [{0: [0]}, {1: [0]}, {0: [0], 1: [0]}], rng)
    np.testing.assert_allclose(a, 1 - 2 * ones[0] / shots)
    for values in (a, b, both):
        assert values.var() * shots == pytest.approx(1, rel=0.1)
        np.testing.assert_allclose(values * shots, np.round(values * shots), atol=1e-9)
    assert np.all(np.abs(a + b) <= 1 + both + 1e-9)  # as the frequencies of 00, 01, 10, 11 demand
