from __future__ import annotations

import json

import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler
from torch import nn

from backends import CircuitLayer, make_backend
from backends.errors import UserError
from qvunet import QVUNet
from qvunet.ansatz import ANSATZES, fqconv
from tests.qvunet.networks import batch, build


@pytest.mark.parametrize(
    ("options", "classical", "quantum"),
    [
        ({"preset": "compact"}, 483_321, 0),
        ({"preset": "compact", "ansatz": "fqconv", "num_layers": 3}, 475_281 - 288, 288),
        ({"preset": "wide"}, 6_884_273, 0),
        ({"preset": "wide", "ansatz": "fqconv"}, 6_884_273, 6_884_561 - 6_884_273),
        ({"preset": "wide", "ansatz": "hqconv"}, 6_884_273, 6_884_609 - 6_884_273),
    ],
)
def test_numbers_of_parameters_are_the_published_ones(options, classical, quantum):
    net = QVUNet.from_preset(**options)
    assert net.num_parameters_by_kind() == {"classical": classical, "quantum": quantum}
    assert sum(p.numel() for p in net.parameters()) == classical + quantum


@pytest.mark.parametrize("preset", ["compact", "wide"])
def test_the_classical_network_has_nothing_quantum(preset):
    net = QVUNet.from_preset(preset)
    assert net.circuit_layers() == {}
    assert not any(isinstance(module, CircuitLayer) for module in net.modules())


def test_compact_at_one_hundred_percent_is_thirteen_circuits_and_an_entangler_in_each_half():
    net = QVUNet.from_preset(ansatz="fqconv", hybridization=1.0, num_layers=3)
    assert [tuple(layer.weight.shape) for layer in net.circuit_layers().values()] == [(13, 72), (1, 16)] * 4
    halves = [m for name, m in net.unet.vertex.named_modules() if name.endswith(("mixer1", "mixer2"))]
    assert len(halves) == 4
    assert not any(isinstance(m, nn.Conv2d) for half in halves for m in half.modules())


@pytest.mark.parametrize(
    ("options", "circuits"),
    [
        ({"preset": "wide", "ansatz": "hqconv"}, [8, 4]),
        ({"preset": "wide", "ansatz": "hqconv", "num_circuits": (2, 0)}, [2]),
        ({"ansatz": "hqconv", "hybridization": 0.5}, [7, 7, 7, 7]),
        ({"ansatz": "hqconv", "num_circuits": 5}, [5, 5, 5, 5]),
        ({"ansatz": "hqconv", "quanv": True, "quanv_circuits": 2, "hybridization": 0.0}, [2, 2, 2, 2]),
    ],
)
def test_numbers_of_circuits(options, circuits):
    layers = QVUNet.from_preset(**options).circuit_layers()
    assert [layer.num_circuits for layer in layers.values()] == circuits


@pytest.mark.parametrize("preset", ["compact", "wide"])
def test_output_has_the_shape_of_the_input(preset):
    net = build(preset=preset, sample_size=28, double=False)
    sample, timestep = batch(net)
    out = net(sample, timestep).sample
    assert out.shape == sample.shape
    assert torch.equal(net(sample, timestep, return_dict=False)[0], out)
    assert torch.equal(net(sample, 7).sample, net(sample, torch.tensor([7, 7, 7])).sample)


@pytest.mark.parametrize("preset", ["compact", "wide"])
def test_colour_images_of_32_pixels(preset):
    net = build(preset=preset, sample_size=32, in_channels=3, ansatz="hqconv", double=False)
    sample, timestep = batch(net, 2)
    assert net(sample, timestep).sample.shape == (2, 3, 32, 32)


def test_classes_change_the_output_and_no_label_is_the_null_class():
    net = build(num_classes=3)
    sample, timestep = batch(net)
    null = torch.full((3,), net.null_class)
    with torch.inference_mode():
        assert torch.equal(net(sample, timestep).sample, net(sample, timestep, null).sample)
        first = net(sample, timestep, torch.tensor([0, 1, 2])).sample
        second = net(sample, timestep, torch.tensor([1, 1, 2])).sample
    assert net.null_class == 3
    assert not torch.allclose(first[0], second[0])
    torch.testing.assert_close(first[1:], second[1:])


def test_labels_need_classes():
    net = build()
    sample, timestep = batch(net)
    with pytest.raises(ValueError, match="without num_classes"):
        net(sample, timestep, torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match="without num_classes"):
        _ = net.null_class


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"sample: expected \(B, 1, 16, 16\), got \(3, 1, 28, 28\)"):
        build(double=False)(torch.zeros(3, 1, 28, 28), 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "huge"}, "preset = 'huge'"),
        ({"quanv": True}, "quanv: needs an ansatz"),
        ({"num_classes": 0}, "num_classes = 0"),
        ({"core": "mlp"}, "core = 'mlp': needs the ansatz"),
        ({"ansatz": "hqconv", "sample_size": 8}, "sample_size: unit 1 of the vertex is 1x1 pixels"),
        ({"ansatz": "hqconv", "backend": "abacus"}, "abacus"),
        (
            {"ansatz": "hqconv", "quanv": True, "quanv_levels": (3,), "sample_size": 28},
            "level 3 of the down path is 7x7 pixels",
        ),
    ],
)
def test_impossible_networks_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        QVUNet.from_preset(**options)


def test_a_new_ansatz_is_one_registry_line(monkeypatch):
    monkeypatch.setitem(ANSATZES, "pairs", lambda num_layers: fqconv(num_layers, num_channels=2))
    net = build(ansatz="pairs", hybridization=0.5)
    assert [layer.num_circuits for layer in net.circuit_layers().values()] == [10] * 4
    assert net(*batch(net)).sample.isfinite().all()


@pytest.mark.parametrize(
    "options",
    [
        {"ansatz": "hqconv", "quanv": True},
        {"preset": "wide", "ansatz": "fqconv"},
        {"ansatz": "hqconv", "core": "mlp", "hybridization": 1.0},
        {"num_classes": 2},
    ],
)
def test_saving_and_loading_is_exact(tmp_path, options):
    net = build(**options, double=False)
    net.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    assert "backend" not in saved
    assert [path.suffix for path in tmp_path.iterdir() if path.suffix != ".json"] == [".safetensors"]
    loaded = QVUNet.from_pretrained(tmp_path, backend="statevector")
    assert loaded.config.items() >= {key: net.config[key] for key in options}.items()
    ours, theirs = net.state_dict(), loaded.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    sample, timestep = batch(net)
    with torch.inference_mode():
        assert torch.equal(net(sample, timestep).sample, loaded(sample, timestep).sample)


def test_another_backend_takes_the_same_weights():
    net = build(ansatz="hqconv", double=False)
    sample, timestep = batch(net, 1)
    weights = {name: layer.weight for name, layer in net.circuit_layers().items()}
    with torch.inference_mode():
        expected = net(sample, timestep).sample
        aer = make_backend("aer_statevector")
        net.set_backend(aer)
        torch.testing.assert_close(net(sample, timestep).sample, expected, rtol=1e-3, atol=1e-3)
    for name, layer in net.circuit_layers().items():
        assert layer.backend is aer
        assert layer.weight is weights[name]
    net.set_backend("statevector")
    assert torch.equal(net(sample, timestep).sample, expected)


def test_diffusers_pipeline_draws_images():
    net = build(ansatz="fqconv", double=False)
    pipeline = DDPMPipeline(unet=net, scheduler=DDPMScheduler(num_train_timesteps=10))
    pipeline.set_progress_bar_config(disable=True)
    images = pipeline(batch_size=2, num_inference_steps=2, output_type="np").images
    assert images.shape == (2, 16, 16, 1)


def test_mixed_precision_runs():
    net = build(ansatz="hqconv", quanv=True, double=False)
    sample, timestep = batch(net)
    exact = net(sample, timestep).sample
    with torch.autocast("cpu", torch.bfloat16):
        out = net(sample, timestep).sample
    torch.testing.assert_close(out.float(), exact, rtol=0.2, atol=0.2)
    out.float().square().mean().backward()
    assert all(layer.weight.grad.isfinite().all() for layer in net.circuit_layers().values())


@pytest.mark.parametrize(
    "options", [{"ansatz": "hqconv"}, {"ansatz": "fqconv", "sample_size": 28, "quanv": True}], ids=str
)
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_per_sample_gradients(options):
    """`torch.func` sees through the whole network; a batch of gradients is the gradients of each image."""
    net = build(**options)
    sample, timesteps = batch(net)
    parameters = {name: p.detach() for name, p in net.named_parameters()}

    def loss(parameters, image, timestep):
        return (
            torch.func.functional_call(net, parameters, (image[None], timestep[None])).sample.square().mean()
        )

    found = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(parameters, sample, timesteps)
    for k in range(len(sample)):
        net.zero_grad()
        net(sample[k : k + 1], timesteps[k : k + 1]).sample.square().mean().backward()
        for name, parameter in net.named_parameters():
            torch.testing.assert_close(found[name][k], parameter.grad)
