import pytest
import torch

from backends.exact.operators import apply_operator


@pytest.mark.parametrize(("left", "right"), [(1, 1), (1, 2), (4, 2), (2, 1)])
def test_apply_operator(left, right):
    groups, rows, d = 2, 5, 3
    rng = torch.Generator().manual_seed(0)
    operator = torch.randn(groups, d, left, right, d, dtype=torch.complex128, generator=rng).requires_grad_()
    state = torch.randn(groups, rows, d, dtype=torch.float64, generator=rng).requires_grad_()
    result, pull = apply_operator(operator, state)
    expected = torch.einsum("gilro,gbi->gblro", operator, state.to(operator.dtype)).flatten(0, 1)
    torch.testing.assert_close(result, expected)
    gradient = torch.randn(result.shape, dtype=torch.complex128, generator=rng)
    wanted = torch.autograd.grad((gradient.conj() * expected).sum().real, (operator, state))
    with torch.no_grad():
        found = pull(gradient.transpose(1, 2).reshape(groups * rows, right, left * d))
    torch.testing.assert_close(found, wanted)
