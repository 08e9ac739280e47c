from __future__ import annotations

import pytest

from qvunet.diagnostics.trend import trend


def told(law, sizes=(2, 4, 6, 8), error=0.02):
    values = [law(n) for n in sizes]
    return trend(sizes, values, [error * value for value in values], "qubit")


def test_an_exponential():
    assert told(lambda n: 0.3 * 2**-n).endswith("steadily: exponentially, by 2 with each qubit")


@pytest.mark.parametrize("law", [lambda n: 0.3 / n, lambda n: 1 / n**2, lambda n: 0.1 + 2.0**-n])
def test_other_laws(law):
    assert told(law).endswith("ever more slowly: not exponentially")


@pytest.mark.parametrize("law", [lambda n: 0.3, lambda n: 0.1 * n, lambda n: 0.3 - 0.001 * n])
def test_no_fall(law):
    assert told(law) == "does not fall from 2 to 8 qubits"


def test_a_fall_within_its_uncertainty_is_none():
    assert told(lambda n: 1.02**-n, error=0.2) == "does not fall from 2 to 8 qubits"


def test_two_sizes_do_not_tell():
    assert told(lambda n: 2.0**-n, (2, 4)) == (
        "falls by a factor of 4 from 2 to 4 qubits; two sizes do not tell an exponential from another law"
    )


def test_one_size_or_no_gradient():
    assert told(lambda n: 1.0, (2,)) == told(lambda n: 0.0) == "nothing can be said of more qubits"


def test_few_uncertain_sizes_fit_two_laws():
    """FQConv of three layers, as measured."""
    found = trend((8, 12, 16), (0.0523, 0.0275, 0.0149), (0.005, 0.002, 0.0008), "qubit")
    assert found == (
        "falls by a factor of 3.51 from 8 to 16 qubits: an exponential by 1.17 with each qubit fits, "
        "and so does a power of their number"
    )
