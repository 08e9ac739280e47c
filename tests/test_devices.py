"""No tensor is left behind on the CPU: layers and networks run where their weights are.

The fake device ``meta`` shows it everywhere; what is marked `gpu` runs where there is one.
"""

from __future__ import annotations

import pytest
import torch

from backends import make_backend
from qvunet import QVUNet
from qvunet.ansatz import basic_entangler, fqconv, hqconv
from qvunet.latent.denoiser import LatentDenoiser

CIRCUITS = [hqconv(1), hqconv(3), fqconv(1), fqconv(3), basic_entangler(4)]
UNETS = [
    {"ansatz": None},
    {"ansatz": "hqconv", "hybridization": 0.1},
    {"ansatz": "fqconv", "hybridization": 0.5, "num_layers": 2},
    {"ansatz": "hqconv", "hybridization": 1.0},
    {"ansatz": "hqconv", "quanv": True},
    {"ansatz": "hqconv", "preset": "wide"},
    {"ansatz": "hqconv", "core": "fourier"},
]


@pytest.mark.parametrize("num_circuits", [None, 3])
@pytest.mark.parametrize("ansatz", CIRCUITS, ids=lambda a: f"{a.name}_{len(a.weights)}")
def test_layers_keep_to_their_device(ansatz, num_circuits):
    layer = make_backend("statevector").layer(ansatz, num_circuits=num_circuits).to("meta")
    shape = (5, ansatz.num_qubits) if num_circuits is None else (5, num_circuits, ansatz.num_qubits)
    x = torch.zeros(shape, device="meta", requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert y.shape == x.shape
    assert {y.device.type, x.grad.device.type, layer.weight.grad.device.type} == {"meta"}


@pytest.mark.parametrize("options", UNETS, ids=str)
def test_unets_keep_to_their_device(options):
    net = QVUNet.from_preset(**{"preset": "compact", **options}).to("meta")
    sample = torch.zeros(2, 1, 28, 28, device="meta")
    net(sample, torch.zeros(2, device="meta")).sample.sum().backward()
    assert all(p.grad is not None and p.grad.device.type == "meta" for p in net.parameters())


@pytest.mark.parametrize("core", ["circuits", "mlp"])
def test_denoisers_of_codes_keep_to_their_device(core):
    net = LatentDenoiser(core=core, num_circuits=2, num_classes=3).to("meta")
    codes = torch.zeros(2, 24, device="meta")
    net(codes, torch.ones(2, device="meta")).sample.sum().backward()
    assert all(p.grad is not None for name, p in net.named_parameters())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("ansatz", CIRCUITS, ids=lambda a: f"{a.name}_{len(a.weights)}")
def test_a_gpu_gives_what_the_cpu_gives(ansatz):
    layer = make_backend("statevector").layer(ansatz, num_circuits=2).double()
    x = torch.randn(3, 2, ansatz.num_qubits, dtype=torch.double)
    found = []
    for device in ("cpu", "cuda"):
        layer.to(device).zero_grad()
        inputs = x.to(device).detach().requires_grad_()
        y = layer(inputs)
        y.square().sum().backward()
        found.append([t.detach().cpu() for t in (y, inputs.grad, layer.weight.grad)])
    for cpu, gpu in zip(*found, strict=True):
        torch.testing.assert_close(cpu, gpu, atol=1e-9, rtol=0)
