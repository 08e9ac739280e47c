from __future__ import annotations

from math import pi

import pytest
import torch

from backends import make_backend
from qvunet.ansatz import hqconv
from qvunet.cores.circuits import SMALL_INIT_STD, CircuitCores, SharedCore


def cores(**changes) -> CircuitCores:
    options = {"share": False, "weight_init": "uniform"} | changes
    return CircuitCores(ansatz=hqconv(), backend=make_backend("statevector"), **options)


@pytest.mark.parametrize(
    ("weight_init", "low", "high"),
    [("uniform", 0, 2 * pi), ("small", -6 * SMALL_INIT_STD, 6 * SMALL_INIT_STD), ("zeros", 0, 0)],
)
def test_weights_start_as_asked(weight_init, low, high):
    weight = cores(weight_init=weight_init)(20).weight
    assert weight.shape == (20, 28)
    assert low <= weight.min()
    assert weight.max() <= high
    assert weight.max() - weight.min() >= 0.5 * (high - low) * (weight_init != "small")
    assert (weight.std() > 0) == (weight_init != "zeros")


def test_shared_circuits_have_one_weight_vector_and_equal_outputs():
    core = cores(share=True)(5)
    assert isinstance(core, SharedCore)
    assert core.layer.weight.shape == (28,)
    angles = torch.randn(3, 1, 12).expand(3, 5, 12)
    out = core(angles)
    assert out.shape == (3, 5, 12)
    torch.testing.assert_close(out, out[:, :1].expand_as(out))
    separate = cores()(5)
    separate.weight.data = core.layer.weight.data.repeat(5, 1)
    torch.testing.assert_close(separate(angles), out)
