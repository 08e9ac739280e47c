from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from backends.errors import UserError
from qvunet.config import Config
from qvunet.diffusion.sampling import draw_samples
from qvunet.generation.stored_samples import count_stored_samples, draw_stored_samples, samples_directory
from qvunet.models.unet import QVUNet
from qvunet.tasks import make_task
from qvunet.tools.pixels import to_uint8
from tests.qvunet.conftest import TINY

SHOTS = {"name": "statevector", "shots": 8}


def changed(**values: object) -> Config:
    sample = {"sampler": "dpmpp", "num": 10, "steps": 2, "batch_size": 4}
    return Config.model_validate({**TINY, "sample": sample, "backend": SHOTS, **values})


@pytest.fixture(scope="module")
def config() -> Config:
    return changed()


@pytest.fixture(scope="module")
def model(config) -> QVUNet:
    return make_task(config).network(noise_seed=3).eval()


def test_they_are_the_samples_drawn_at_once_shot_noise_included(model, config, tmp_path):
    seen: list[float] = []
    images = draw_stored_samples(model, make_task(config), tmp_path, seen.append)
    assert torch.equal(
        images, to_uint8(draw_samples(model, config.image_shape, config.sample, config.diffusion))
    )
    assert seen == [2, 4, 4, 6, 8, 8, 9, 10, 10]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "images_000000.npy",
        "images_000004.npy",
        "images_000008.npy",
    ]


def test_interrupted_and_resumed_is_the_same_and_draws_no_batch_twice(model, config, tmp_path, monkeypatch):
    whole = draw_stored_samples(model, make_task(config), tmp_path / "whole")
    drawn: list[range] = []

    task = make_task(config)
    draw = task.draw

    def interrupted(model, indices, on_progress):
        if len(drawn) == 1:
            raise KeyboardInterrupt
        drawn.append(indices)
        return draw(model, indices=indices, on_progress=on_progress)

    directory = tmp_path / "resumed"
    monkeypatch.setattr(task, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        draw_stored_samples(model, task, directory)
    assert drawn == [range(4)]
    assert count_stored_samples(config, directory) == 4
    (directory / ".images_000004.1.tmp.npy").write_bytes(b"of a killed process")

    monkeypatch.undo()
    (directory / "images_000000.npy").touch()
    before = (directory / "images_000000.npy").stat().st_mtime_ns
    assert torch.equal(draw_stored_samples(model, make_task(config), directory), whole)
    assert (directory / "images_000000.npy").stat().st_mtime_ns == before
    assert count_stored_samples(config, directory) == 10


@pytest.mark.parametrize("content", [b"", b"half", np.arange(3)], ids=["empty", "half", "shape"])
def test_a_damaged_file_is_named(content, model, config, tmp_path):
    file = tmp_path / "images_000000.npy"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        np.save(file, content)
    with pytest.raises(UserError, match=r"images_000000.npy: .*delete it"):
        draw_stored_samples(model, make_task(config), tmp_path)


def test_a_pickle_is_not_read(model, config, tmp_path):
    np.save(tmp_path / "images_000000.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="damaged"):
        draw_stored_samples(model, make_task(config), tmp_path)


def test_the_directory_tells_apart_all_that_images_depend_on(model, config, tmp_path):
    checkpoint = tmp_path / "step_000001"
    model.save_pretrained(checkpoint / "ema")
    retrained = tmp_path / "again" / "step_000001"
    make_task(changed(seed=1)).network().save_pretrained(retrained / "ema")
    sample = config.sample.model_dump()
    configs = [
        config,
        *(changed(sample={**sample, key: 5}) for key in ("seed", "steps", "num", "batch_size")),
        changed(sample={**sample, "sampler": "ddim"}),
        changed(backend={**SHOTS, "shots": 9}),
        changed(backend={"name": "statevector"}),
    ]
    directories = {samples_directory(make_task(each), checkpoint, tmp_path) for each in configs}
    directories.add(samples_directory(make_task(config), retrained, tmp_path))
    assert len(directories) == len(configs) + 1
    name = samples_directory(make_task(config), checkpoint, tmp_path).name
    assert name.startswith("step_000001_statevector_dpmpp2_seed0_num10_")
    moved = Path(shutil.copytree(checkpoint, tmp_path / "moved" / "step_000001"))
    assert samples_directory(make_task(config), moved, tmp_path).name == name
