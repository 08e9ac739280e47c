from __future__ import annotations

import pytest
import torch

from backends import UserError, make_backend
from qvunet.ansatz import basic_entangler

ANSATZ = basic_entangler(num_qubits=3, num_layers=2)


def gradients(inputs, **options):
    torch.manual_seed(0)
    layer = make_backend(**options).layer(ANSATZ)
    inputs = inputs.clone().requires_grad_()
    values = layer(inputs)
    (values @ torch.tensor([1.0, -0.5, 2.0])).sum().backward()
    return values.detach(), inputs.grad, layer.weight.grad


@pytest.mark.parametrize("directions", [1, 3])
def test_spsa_has_the_gradient_as_its_mean(directions):
    rows = 6000
    inputs = torch.tensor([[0.3, 1.2, 2.1]]).expand(rows, 3)
    options = {"name": "statevector", "spsa_step": 0.01, "spsa_directions": directions}
    _, estimate, weights = gradients(inputs, gradient="spsa", **options)
    _, exact, exact_weights = gradients(inputs, name="statevector")
    error = estimate.std(0) / rows**0.5
    assert torch.all((estimate.mean(0) - exact[0]).abs() < 5 * error + 1e-3)
    assert torch.all((weights - exact_weights).abs() / rows < 5 * error.max() + 1e-3)


def test_more_directions_are_less_noisy():
    inputs = torch.tensor([[0.3, 1.2, 2.1]]).expand(2000, 3)
    one, four = (
        gradients(inputs, name="statevector", gradient="spsa", spsa_directions=k)[1].var(0) for k in (1, 4)
    )
    assert torch.allclose(one / four, torch.tensor(4.0), rtol=0.25)


def test_spsa_directions_are_reproducible():
    inputs = torch.rand(4, 3)
    first, again = (gradients(inputs, name="statevector", gradient="spsa", seed=2)[1] for _ in range(2))
    assert torch.equal(first, again)
    other = gradients(inputs, name="statevector", gradient="spsa", seed=3)[1]
    assert not torch.equal(first, other)


@pytest.mark.parametrize("options", [{"name": "statevector"}, {"name": "aer_shots", "threads": 1}])
def test_surrogate_takes_values_from_shots_and_gradients_from_the_engine(options):
    inputs = torch.rand(8, 3)
    exact = gradients(inputs, name="statevector")
    measured = gradients(inputs, shots=64, gradient="surrogate", **options)
    assert (measured[0] - exact[0]).abs().max() > 1e-3
    assert torch.equal(measured[0] * 32, (measured[0] * 32).round())  # what 64 shots can give
    for mine, theirs in zip(measured[1:], exact[1:], strict=True):
        torch.testing.assert_close(mine, theirs)


def test_no_gradient_is_computed_when_none_is_wanted():
    layer = make_backend("statevector", shots=64, gradient="surrogate").layer(ANSATZ)
    with torch.no_grad():
        assert not layer(torch.rand(2, 3)).requires_grad


def test_adjoint_is_refused_with_shots():
    with pytest.raises(UserError, match="param_shift, spsa or surrogate"):
        make_backend("statevector", shots=10, gradient="adjoint")
