import pytest
import torch

from backends.circuits.program import program_from_circuit
from backends.exact import engine
from backends.exact.chain import RegisterChain
from backends.exact.engine import ExactEngine
from backends.exact.threads import one_thread
from qvunet.ansatz import fqconv


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_setting_is_put_back():
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_an_error_puts_the_setting_back():
    with pytest.raises(RuntimeError), one_thread():
        raise RuntimeError
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("limit", "threads"), [(float("inf"), 1), (0.0, 2)])
def test_small_work_has_one_thread_in_both_passes(limit, threads, monkeypatch):
    found = []
    original = RegisterChain.with_pullback

    def watched(self, inputs, weights):
        found.append(torch.get_num_threads())
        value, pullback = original(self, inputs, weights)

        def watched_pullback(gradient):
            found.append(torch.get_num_threads())
            return pullback(gradient)

        return value, watched_pullback

    monkeypatch.setattr(RegisterChain, "with_pullback", watched)
    monkeypatch.setattr(engine, "ONE_THREAD_COST", limit)
    ansatz = fqconv(1)
    simulated = ExactEngine(program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights))
    weights = torch.rand(1, len(ansatz.weights), requires_grad=True)
    simulated.expectations(torch.rand(1, 5, 12), weights).sum().backward()
    assert found == [threads, threads]
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
