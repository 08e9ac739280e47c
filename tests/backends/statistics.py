"""What shot noise must look like."""

from __future__ import annotations

import numpy as np
from torch import Tensor


def assert_standard_normal_moments(values: Tensor, exact: Tensor, shots: int) -> None:
    """Standardised errors of estimates from counts have mean 0 and variance 1; values stay in [-1, 1]."""
    values, exact = values.double(), exact.double()
    assert values.abs().max() <= 1
    useful = exact.abs() < 0.95  # where the binomial is not all but certain
    errors = ((values - exact) / ((1 - exact**2) / shots).sqrt())[useful]
    assert errors.numel() >= 10_000
    assert abs(errors.mean()) < 0.05
    assert abs(errors.var() - 1) < 0.07


def slope(shots: list[int], variances: list[float]) -> float:
    """Exponent of the power law that fits best."""
    return float(np.polyfit(np.log(shots), np.log(variances), 1)[0])
