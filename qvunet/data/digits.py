"""The 1,797 handwritten digits that come with scikit-learn."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Read them without importing scikit-learn, which brings all of SciPy and takes a second or more.

    Where its file is not, by another layout of that package, its own function reads them.

    Returns:
        Images (1797, 8, 8), from 0 to 16, and their classes (1797,).
    """
    spec = find_spec("sklearn")
    file = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz" if spec and spec.origin else None
    if file is None or not file.is_file():
        from sklearn.datasets import load_digits

        bunch = load_digits()
        return bunch.images, bunch.target
    table = np.loadtxt(file, delimiter=",")
    return table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)
