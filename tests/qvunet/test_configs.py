"""The shipped configs: what their names promise, and that each trains and samples."""

from __future__ import annotations

import json
import re
import shutil
import struct
from pathlib import Path

import pytest
import torch

from backends.errors import UserError
from qvunet.config import Config, load_config
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task
from qvunet.training.trainer import train

CONFIGS = {path.stem: path for path in sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))}

SHORT = ["device=cpu", "threads=1", "train.steps=2", "train.batch_size=2", "sample.num=1", "sample.steps=2"]

SMALL_AUTOENCODER = [
    f"model.autoencoder.{option}" for option in ("width=8", "depth=0", "epochs=1", "feature_weight=0")
]

NO_CIRCUITS = ("classical", "latent_mlp", "latent_none")

HYBRID = re.compile(r"(mnist|fashion)_(compact|wide)_(hqconv|fqconv)_(10|50|100)")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> dict[str, str]:
    """Eight images in MNIST's format, of eight classes."""
    folder = tmp_path_factory.mktemp("data")
    pixels = torch.randint(256, (8, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    (folder / "images").write_bytes(struct.pack(">4i", 0x803, 8, 28, 28) + pixels.numpy().tobytes())
    (folder / "labels").write_bytes(struct.pack(">2i", 0x801, 8) + bytes(range(8)))
    return {"name": "idx", "images": str(folder / "images"), "labels": str(folder / "labels")}


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def _no_loss_curve(monkeypatch):
    """Drawing it takes as long as the rest of such a run, and has tests of its own."""
    monkeypatch.setattr("qvunet.training.trainer.save_loss_curve", lambda steps, losses, path: None)


def shortened(path: Path, data: dict[str, str], *overrides: str) -> Config:
    """A config with two steps of two local images, of the size and channels it asks for."""
    own = load_config(path).data
    local = {**data, "image_size": own.image_size, "channels": own.channels}
    small = SMALL_AUTOENCODER if load_config(path).model.kind == "latent" else []
    return load_config(path, [*SHORT, *small, f"data={json.dumps(local)}", *overrides])


@pytest.fixture(scope="module")
def baselines(tmp_path_factory, data):
    """Runs of the classical configs, each made when it is first asked for."""
    folder = tmp_path_factory.mktemp("baselines")

    def baseline(preset: str) -> Path:
        run = RunDirectory(folder / preset)
        if not run.path.exists():
            train(shortened(CONFIGS[f"mnist_{preset}_classical"], data, "train.steps=1"), run)
        return run.path

    yield baseline
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", [name for name in CONFIGS if not name.startswith("fashion_")])
def test_it_trains_and_samples(name, data, baselines, tmp_path):
    source = []
    if "transfer" in name:
        source = [f"init_from={baselines('wide' if 'wide' in name else 'compact')}"]
    run = RunDirectory(tmp_path / "run")
    summary = train(shortened(CONFIGS[name], data, *source), run)
    assert len(run.read_metrics()) == 2
    assert summary.samples.is_file()
    assert bool(summary.circuit_changes) == (not name.endswith(NO_CIRCUITS))
    shutil.rmtree(run.path)  # the wide network's checkpoint is 110 MB


@pytest.mark.parametrize("name", [name for name in CONFIGS if name.startswith("fashion_")])
def test_fashion_differs_from_mnist_in_nothing_but_the_data(name):
    mnist = load_config(CONFIGS[name.replace("fashion", "mnist")])
    fashion = load_config(CONFIGS[name])
    assert (mnist.data.name, fashion.data.name) == ("mnist", "fashion_mnist")
    source = None if mnist.init_from is None else Path(str(mnist.init_from).replace("mnist", "fashion"))
    assert fashion == mnist.model_copy(update={"data": fashion.data, "init_from": source})


def test_every_degree_of_both_presets_and_data_sets_is_there():
    assert sum(HYBRID.fullmatch(name) is not None for name in CONFIGS) == 2 * 2 * 2 * 3


@pytest.mark.parametrize("name", [name for name in CONFIGS if HYBRID.fullmatch(name)])
def test_a_hybrid_config_is_what_its_name_says(name):
    _, preset, ansatz, percent = HYBRID.fullmatch(name).groups()
    model = load_config(CONFIGS[name]).model
    assert (model.preset, model.ansatz, model.hybridization) == (preset, ansatz, int(percent) / 100)
    assert model.num_layers == (3 if preset == "compact" else 1)


def test_transfers_start_from_the_run_of_a_shipped_config():
    transfers = {name: load_config(path) for name, path in CONFIGS.items() if "transfer" in name}
    assert len(transfers) == 2 * 2 * 2
    for name, config in transfers.items():
        assert name.endswith(f"transfer_{config.transfer}")
        source = load_config(CONFIGS[config.init_from.name])
        assert (source.model.preset, source.data) == (config.model.preset, config.data)
        assert source.model.ansatz is None


@pytest.mark.parametrize(
    "name", [name for name in CONFIGS if re.match("(mnist|fashion)_(compact|wide)", name)]
)
def test_training_is_as_published(name):
    config = load_config(CONFIGS[name])
    train, diffusion = config.train, config.diffusion
    if config.model.preset == "compact":
        assert (train.batch_size, train.learning_rate, train.betas) == (128, 1e-3, (0.9, 0.99))
        assert (diffusion.schedule, diffusion.p2_gamma, diffusion.p2_k) == ("cosine", 1, 1)
        assert train.ema_decay == 0.995
    else:
        assert (train.batch_size, train.learning_rate) == (64, 1e-4)
        assert (diffusion.schedule, diffusion.p2_gamma) == ("linear", 0)
    if config.transfer is None:
        assert train.steps * train.batch_size == 20 * 60_000


@pytest.mark.parametrize("data_name", ["digits", "mnist", "fashion"])
@pytest.mark.parametrize("core", ["mlp", "none"])
def test_controls_of_latent_networks_differ_in_their_core_alone(data_name, core):
    circuits = load_config(CONFIGS[f"{data_name}_latent_hqconv"])
    control = load_config(CONFIGS[f"{data_name}_latent_{core}"])
    model = circuits.model.model_copy(update={"core": core})
    assert circuits.model.core == "circuits"
    assert control == circuits.model_copy(update={"model": model})


@pytest.mark.parametrize("preset", ["compact", "wide"])
def test_colour_images_of_32_pixels(preset, data, tmp_path):
    config = shortened(CONFIGS["image_folder_32"], data, f"model.preset={preset}", "sample.num=2")
    assert (config.data.image_size, config.data.channels) == (32, 3)
    run = RunDirectory(tmp_path / "run")
    summary = train(config, run)
    assert all(change > 0 for change in summary.circuit_changes.values())
    shutil.rmtree(run.path)


@pytest.mark.parametrize(
    ("preset", "image_size", "reason"),
    [
        ("compact", 24, r"unit 1 of the vertex is 3x3 pixels, and circuits read 2x2 patches"),
        ("wide", 20, r"unit 1 of the vertex is 1x1 pixels, and circuits read 2x2 patches"),
        ("wide", 5, r"level 2 is 1x1 pixels and cannot be halved"),
    ],
)
def test_images_that_circuits_cannot_read_are_refused_with_the_reason(preset, image_size, reason):
    overrides = [f"model.preset={preset}", f"data.image_size={image_size}"]
    config = load_config(CONFIGS["image_folder_32"], overrides)
    with pytest.raises(UserError, match=reason):
        make_task(config).network()
