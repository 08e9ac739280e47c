import pytest
import torch

from backends.exact import engine
from backends.exact.engine import ExactEngine
from backends.exact.threads import on_one_thread, one_thread
from backends.program import program_from_circuit
from qvunet.ansatz import fqconv


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


class Watched:
    """Multiplies, and notes how many threads each pass had."""

    def __init__(self):
        self.threads = []

    def __call__(self, inputs, weights):
        product = inputs * weights
        self.threads.append(torch.get_num_threads())
        if product.requires_grad:
            product.register_hook(lambda _: self.threads.append(torch.get_num_threads()))
        return product


def test_both_passes_have_one_thread_and_put_the_setting_back():
    watched, inputs, weights = Watched(), torch.rand(3, requires_grad=True), torch.rand(3)
    value = on_one_thread(watched, inputs, weights)
    assert torch.get_num_threads() == 2
    value.backward(torch.tensor([1.0, 2.0, 3.0]))
    assert torch.get_num_threads() == 2
    assert watched.threads == [1, 1]
    torch.testing.assert_close(inputs.grad, torch.tensor([1.0, 2.0, 3.0]) * weights)
    assert weights.grad is None


def test_without_gradients_nothing_is_kept():
    watched, weights = Watched(), torch.rand(3, requires_grad=True)
    with torch.no_grad():
        value = on_one_thread(watched, torch.rand(3), weights)
    assert value.grad_fn is None
    assert watched.threads == [1]


def test_an_error_puts_the_setting_back():
    with pytest.raises(RuntimeError), one_thread():
        raise RuntimeError
    assert torch.get_num_threads() == 2


def test_large_and_small_work_give_the_same(monkeypatch):
    ansatz = fqconv(2)
    simulated = ExactEngine(program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights))
    inputs = torch.rand(2, 5, 12, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(2, len(ansatz.weights), dtype=torch.float64, requires_grad=True)
    found = []
    for limit in (float("inf"), 0.0):
        monkeypatch.setattr(engine, "ONE_THREAD_COST", limit)
        value = simulated.expectations(inputs, weights)
        found.append((value, *torch.autograd.grad(value.square().sum(), (inputs, weights))))
    for small, large in zip(*found, strict=True):
        torch.testing.assert_close(small, large)
