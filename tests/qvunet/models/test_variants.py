"""What holds for every member of the family: gradients, images that stay apart, circuits that matter."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from qvunet import QVUNet
from tests.qvunet.networks import batch, build

VARIANTS = {
    "compact": {},
    "compact hqconv 10 %": {"ansatz": "hqconv", "num_layers": 3},
    "compact hqconv 50 %": {"ansatz": "hqconv", "hybridization": 0.5},
    "compact hqconv 100 %": {"ansatz": "hqconv", "hybridization": 1.0},
    "compact fqconv 10 %": {"ansatz": "fqconv"},
    "compact fqconv 50 %": {"ansatz": "fqconv", "hybridization": 0.5, "num_layers": 2},
    "compact fqconv 100 %": {"ansatz": "fqconv", "hybridization": 1.0, "encoding_scale": 0.7},
    "compact before_conv": {"ansatz": "hqconv", "placement": "before_conv"},
    "compact shared": {"ansatz": "hqconv", "hybridization": 0.5, "share_circuits": True},
    "compact quanv": {"ansatz": "hqconv", "quanv": True},
    "compact quanv, two circuits, two levels": {
        "ansatz": "fqconv", "quanv": True, "quanv_circuits": 2, "quanv_levels": (2, 3)
    },
    "compact quanv, classical vertex": {"ansatz": "fqconv", "quanv": True, "hybridization": 0.0},
    "compact mlp": {"ansatz": "hqconv", "core": "mlp", "hybridization": 1.0},
    "compact encoding": {"ansatz": "hqconv", "core": "encoding", "quanv": True},
    "compact hqconv, classes": {"ansatz": "hqconv", "num_classes": 3},
    "compact hqconv, 28x28": {"ansatz": "hqconv", "sample_size": 28},
    "compact fqconv, 32x32x3": {"ansatz": "fqconv", "sample_size": 32, "in_channels": 3},
    "wide": {"preset": "wide"},
    "wide hqconv 10 %": {"preset": "wide", "ansatz": "hqconv"},
    "wide fqconv 10 %": {"preset": "wide", "ansatz": "fqconv"},
    "wide hqconv 100 %": {"preset": "wide", "ansatz": "hqconv", "hybridization": 1.0},
    "wide parallel 100 %": {
        "preset": "wide", "ansatz": "hqconv", "hybridization": 1.0, "placement": "parallel"
    },
    "wide fqconv, classes, 32x32x3": {
        "preset": "wide", "ansatz": "fqconv", "num_classes": 1, "sample_size": 32, "in_channels": 3
    },
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A network in float64, and a batch for it that holds every class."""

    net: QVUNet
    sample: Tensor
    timestep: Tensor
    labels: Tensor | None

    def predict(self, order: slice | Tensor = slice(None)) -> Tensor:
        labels = None if self.labels is None else self.labels[order]
        return self.net(self.sample[order], self.timestep[order], labels).sample

    def loss(self) -> Tensor:
        generator = torch.Generator().manual_seed(2)
        target = torch.randn(self.sample.shape, generator=generator, dtype=self.sample.dtype)
        return (self.predict() - target).square().mean()


@pytest.fixture(scope="module", params=VARIANTS.values(), ids=VARIANTS)
def case(request) -> Case:
    """One for all tests of a variant, its gradients computed."""
    net = build(**request.param)
    labels = None if net.class_embedding is None else torch.arange(net.null_class + 1)
    sample, timestep = batch(net, 2 if labels is None else len(labels))
    made = Case(net, sample.requires_grad_(), timestep, labels)
    made.loss().backward()
    return made


def dead_biases(net: QVUNet) -> set[nn.Parameter]:
    """Biases that a GroupNorm of one channel a group removes: their gradient is zero by definition."""
    dead: set[nn.Parameter] = set()
    for unit in (module for module in net.modules() if hasattr(module, "mixer1")):
        for half, norm in ((unit.mixer1, unit.norm1), (unit.mixer2, unit.norm2)):
            if net.config.preset == "compact" and norm.num_groups == norm.num_channels:
                dead |= {m.bias for m in half.modules() if isinstance(m, nn.Conv2d)}
    return dead


def test_every_weight_gets_a_gradient(case):
    dead = dead_biases(case.net)
    largest = {name: p.grad.abs().max() for name, p in case.net.named_parameters() if p not in dead}
    assert [name for name, gradient in largest.items() if not gradient > 1e-10] == []
    for name, layer in case.net.circuit_layers().items():
        assert (layer.weight.grad.abs() > 1e-13).all(), name


def test_every_class_gets_a_gradient(case):
    if case.net.class_embedding is not None:
        assert (case.net.class_embedding.weight.grad.abs().max(dim=1).values > 1e-10).all()


def test_permuting_the_batch_permutes_the_output(case):
    order = torch.arange(len(case.sample)).roll(1)
    with torch.inference_mode():
        expected = case.predict()
        assert expected.shape == case.sample.shape
        assert not torch.allclose(expected[order], expected)
        torch.testing.assert_close(case.predict(order), expected[order])


def test_every_circuit_layer_matters(case):
    """Those of the second halves, too."""
    with torch.inference_mode():
        before = case.predict()
        for name, layer in case.net.circuit_layers().items():
            saved = layer.weight.clone()
            last_circuit = layer.weight[-1] if layer.num_circuits else layer.weight
            last_circuit += 0.5
            assert (case.predict() - before).abs().max() > 1e-9, name
            layer.weight.copy_(saved)


def test_gradients_match_finite_differences(case):
    circuits = [layer.weight for layer in case.net.circuit_layers().values()]
    others = [p for p in case.net.parameters() if all(p is not weight for weight in circuits)]
    generator = torch.Generator().manual_seed(3)
    for group in filter(None, (circuits, others, [case.sample])):
        gradient = nn.utils.parameters_to_vector(p.grad for p in group)
        direction = torch.randn(gradient.shape, generator=generator, dtype=gradient.dtype)
        direction = gradient / gradient.norm() + direction / direction.norm()
        start = [p.detach().clone() for p in group]
        with torch.no_grad():
            values = [_loss_after(case, group, start, step * direction) for step in (1e-5, -1e-5)]
        torch.testing.assert_close((values[0] - values[1]) / 2e-5, gradient @ direction, rtol=1e-4, atol=0)


def _loss_after(case: Case, group: list[Tensor], start: list[Tensor], move: Tensor) -> Tensor:
    """The loss where a group of tensors is moved, which are then put back."""
    for p, old, step in zip(group, start, move.split([p.numel() for p in group]), strict=True):
        p.copy_(old + step.view_as(old))
    loss = case.loss()
    for p, old in zip(group, start, strict=True):
        p.copy_(old)
    return loss
