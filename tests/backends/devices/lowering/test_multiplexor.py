from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import unitary_group

from backends.devices.lowering.multiplexor import demultiplex
from backends.devices.lowering.single_qubit import IDENTITY, PAULIS, rotations, rz_sx_angles

SQRT_X = (IDENTITY - 1j * PAULIS["X"]) / np.sqrt(2)
RANDOM = unitary_group.rvs(2, size=40, random_state=1)
TINY = rotations("Y", np.array([1e-9, -1e-9, 1e-16]))


@pytest.mark.parametrize(
    ("u0", "u1"),
    [
        (RANDOM[:20], RANDOM[20:]),
        (RANDOM, RANDOM),  # no interaction
        (RANDOM, -RANDOM),  # only a Z on the control
        (RANDOM, RANDOM @ PAULIS["X"]),  # a CX
        (RANDOM[:3], RANDOM[:3] @ TINY),
        (RANDOM[:3], RANDOM[:3] @ TINY @ PAULIS["Z"]),
    ],
)
def test_the_factors_make_the_multiplexor(u0, u1):
    found = demultiplex(u0, u1)
    assert found.gamma.min() >= 0
    assert found.gamma.max() <= np.pi / 2
    for sign, expected in zip((1, -1), (u0, u1), strict=True):
        rotation = rotations("Z", sign * found.gamma)
        phase = found.on_control[..., (1 - sign) // 2, (1 - sign) // 2][..., None, None]
        np.testing.assert_allclose(phase * (found.after @ rotation @ found.before), expected, atol=1e-12)


@pytest.mark.parametrize(
    "matrices",
    [
        RANDOM,
        np.stack([IDENTITY, *PAULIS.values(), SQRT_X]),
        rotations("X", np.array([1e-9, np.pi - 1e-9, -1.0])),
    ],
)
def test_the_angles_make_the_gate(matrices):
    first, second, third = np.moveaxis(rz_sx_angles(matrices), -1, 0)
    product = rotations("Z", third) @ SQRT_X @ rotations("Z", second) @ SQRT_X @ rotations("Z", first)
    overlap = np.trace(product.conj().swapaxes(-1, -2) @ matrices, axis1=-2, axis2=-1)
    np.testing.assert_allclose(abs(overlap), 2, atol=1e-12)
