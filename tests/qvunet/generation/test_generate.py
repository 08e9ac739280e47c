from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from backends.errors import UserError
from qvunet.config import Config
from qvunet.diffusion.sampling import draw_samples
from qvunet.generation.generate import generate
from qvunet.runs.checkpoint import load_weights
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task
from qvunet.tools.pixels import to_uint8
from qvunet.training.trainer import train
from tests.qvunet.conftest import TINY


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> RunDirectory:
    run = RunDirectory(tmp_path_factory.mktemp("trained") / "run")
    train(Config.model_validate(TINY), run)
    return run


def test_the_files_are_the_averaged_network_s_samples(trained, tiny, tmp_path):
    assert generate(tiny, trained, tmp_path / "out") == tmp_path / "out" / "grid.png"
    model = make_task(tiny).network()
    load_weights(trained.checkpoints / "step_000004" / "ema", model)
    expected = to_uint8(draw_samples(model.eval(), tiny.image_shape, tiny.sample, tiny.diffusion))
    for k in range(2):
        pixels = np.asarray(Image.open(tmp_path / "out" / f"{k:04d}.png"))
        assert np.array_equal(pixels, expected[k, 0].numpy())
    record = json.loads((tmp_path / "out" / "sample.json").read_text())
    assert record["sample"]["num"] == 2
    assert record["backend"]["name"] == "statevector"
    assert record["checkpoint"].endswith("step_000004")


def test_training_draws_the_same_grid(trained, tiny, tmp_path):
    grid = generate(tiny, trained, tmp_path / "out")
    assert grid.read_bytes() == (trained.samples / "step_000004.png").read_bytes()


def test_the_default_directory_says_what_is_in_it(trained, tiny):
    values = tiny.model_dump()
    values["sample"] |= {"sampler": "dpmpp", "steps": 3, "seed": 5}
    values["backend"] = {"name": "aer_statevector"}
    grid = generate(Config.model_validate(values), trained)
    assert grid.parent == trained.samples / "step_000004_aer_statevector_dpmpp3_seed5"


def test_classes_and_guidance_are_told_in_the_record_and_the_directory(tmp_path):
    config = Config.model_validate(
        {
            **TINY,
            "model": {"num_classes": 10},
            "train": {**TINY["train"], "steps": 1},
            "sample": {"num": 6, "steps": 1, "classes": [7, 2], "guidance_scale": 1.5},
        }
    )
    run = RunDirectory(tmp_path / "run")
    train(config, run)
    grid = generate(config, run)
    assert grid.parent.name == "step_000001_statevector_ddim1_class7-2_guidance1.5_seed0"
    record = json.loads((grid.parent / "sample.json").read_text())
    assert record["classes_in_turn"] == [7, 2]
    width, height = Image.open(grid).size
    assert height > width  # two columns, one a class


def test_backends_draw_the_same_images(trained, tiny, tmp_path):
    values = {**tiny.model_dump(), "backend": {"name": "aer_statevector"}}
    grids = [
        generate(Config.model_validate(v), trained, tmp_path / str(k))
        for k, v in enumerate((tiny.model_dump(), values))
    ]
    first, second = (np.asarray(Image.open(grid)).astype(int) for grid in grids)
    assert abs(first - second).max() <= 2


def test_errors_come_before_anything_is_written(trained, tiny, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="a file, not a directory"):
        generate(tiny, trained, tmp_path / "file")
    with pytest.raises(UserError, match="no checkpoint yet"):
        generate(tiny, RunDirectory(tmp_path / "none"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
