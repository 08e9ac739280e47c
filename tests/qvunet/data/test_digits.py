from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from qvunet.data import digits


@pytest.mark.parametrize("file_is_there", [True, False])
def test_they_are_those_of_scikit_learn(file_is_there, monkeypatch):
    if not file_is_there:
        monkeypatch.setattr(digits, "find_spec", lambda name: None)
    images, classes = digits.read_digits()
    assert np.array_equal(images, load_digits().images)
    assert np.array_equal(classes, load_digits().target)
