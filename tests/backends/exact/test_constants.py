import torch

from backends.exact.constants import Constant


def test_constants_follow_precision_and_integers_stay():
    constant, index = Constant([1.0, 2.0]), Constant([1, 0])
    assert constant.like(torch.zeros(1)).dtype == torch.float32
    assert constant.like(torch.zeros(1, dtype=torch.complex128)).dtype == torch.float64
    assert index.like(torch.zeros(1)).dtype == torch.int64
    assert constant.like(torch.zeros(1)) is constant.like(torch.ones(2))
