from __future__ import annotations

import pytest
import torch

from backends import make_backend
from qvunet.costs.tracing import trace
from tests.qvunet.networks import build


def test_shapes_and_rows_are_those_of_one_image():
    net = build(ansatz="hqconv", quanv=True, quanv_circuits=2, share_circuits=True, double=False)
    found = trace(net)
    assert found.shapes["unet.stem"] == (10, 16, 16)
    assert found.shapes["unet.vertex.b"] == (40, 2, 2)
    assert found.shapes["unet.head"] == (1, 16, 16)
    assert found.rows.keys() == net.circuit_layers().keys()
    assert sorted(found.rows.values()) == [1] * 4 + [2 * 16] * 4  # 8x8 pixels are 16 patches


def test_the_network_is_left_as_it_was():
    net = build(ansatz="fqconv", double=False)
    backend = make_backend("statevector", shots=3)
    net.set_backend(backend)
    weights = {name: p.clone() for name, p in net.named_parameters()}
    trace(net)
    assert {layer.backend for layer in net.circuit_layers().values()} == {backend}
    assert all(torch.equal(p, weights[name]) and p.grad is None for name, p in net.named_parameters())
    assert not any(module._forward_hooks for module in net.modules())


def test_the_backend_comes_back_after_a_failure(monkeypatch):
    net = build(ansatz="fqconv", double=False)
    backend = make_backend("statevector", shots=3)
    net.set_backend(backend)
    monkeypatch.setattr(net.unet, "forward", lambda *inputs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trace(net)
    assert {layer.backend for layer in net.circuit_layers().values()} == {backend}
    assert not any(module._forward_hooks for module in net.modules())
