import pytest
import torch
from torch import nn

from qvunet import QVUNet
from qvunet.initialization import lecun_normal


def test_lecun_normal_has_variance_one_over_fan_in_and_zero_biases():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(20, 400, 3), nn.Linear(300, 500))
    lecun_normal(net)
    for module, fan_in in zip(net, (180, 300), strict=True):
        assert module.weight.var().item() * fan_in == pytest.approx(1.0, abs=0.02)
        assert module.weight.abs().max().item() <= 2.3 * fan_in**-0.5
        assert not module.bias.any()


def test_the_circuits_of_compact_learn():
    """Their gradient stays far above the epsilon of Adam, 1e-8, which would otherwise freeze them."""
    torch.manual_seed(0)
    net = QVUNet.from_preset("compact", ansatz="hqconv")
    sample, noise = torch.randn(2, 8, 1, 28, 28).unbind()
    loss = (net(sample, torch.arange(8) * 100).sample - noise).square().mean()
    loss.backward()
    for layer in net.circuit_layers().values():
        assert layer.weight.grad.norm() > 1e-6
