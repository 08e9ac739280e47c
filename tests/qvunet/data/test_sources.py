from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from sklearn.datasets import load_digits

from backends.errors import UserError
from qvunet.config.options import (
    DigitsOptions,
    FashionMnistOptions,
    IdxOptions,
    ImageFolderOptions,
    MnistOptions,
)
from qvunet.data import load_data


def idx_bytes(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


@pytest.fixture
def idx_files(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28))
    (tmp_path / "images").write_bytes(idx_bytes(images))
    (tmp_path / "labels.gz").write_bytes(gzip.compress(idx_bytes(np.arange(20) % 10)))
    return images, IdxOptions(images=tmp_path / "images", labels=tmp_path / "labels.gz", holdout=0.25)


def test_digits_are_all_there_resized_and_split():
    data = load_data(DigitsOptions(holdout=0.1))
    assert data.train.images.shape == (1617, 1, 28, 28)
    assert data.holdout.images.shape == (180, 1, 28, 28)
    assert data.train.images.dtype == torch.uint8
    assert len(data.train.labels) == 1617
    counts = torch.bincount(torch.cat([data.train.labels, data.holdout.labels]))
    assert counts.tolist() == np.bincount(load_digits().target).tolist()


def test_digits_at_their_own_size_are_the_source():
    data = load_data(DigitsOptions(image_size=8, holdout=0))
    ours = np.sort(data.train.images.float().flatten(1).sum(1).numpy())
    source = np.sort(np.rint(load_digits().images * 255 / 16).sum((1, 2)))
    assert np.array_equal(ours, source)


def test_the_split_depends_on_its_seed_alone():
    first, second = (load_data(DigitsOptions()) for _ in range(2))
    assert torch.equal(first.holdout.images, second.holdout.images)
    other = load_data(DigitsOptions(split_seed=1))
    assert not torch.equal(first.holdout.images, other.holdout.images)


def test_idx_pairs_keep_images_with_their_labels(idx_files):
    images, options = idx_files
    data = load_data(options)
    assert (len(data.train), len(data.holdout)) == (15, 5)
    for part in (data.train, data.holdout):
        for image, label in zip(part.images, part.labels, strict=True):
            number = next(i for i in range(20) if np.array_equal(images[i], image[0]))
            assert label == number % 10


def test_idx_images_and_labels_must_match_in_number(idx_files, tmp_path):
    (tmp_path / "short").write_bytes(idx_bytes(np.arange(3)))
    with pytest.raises(UserError, match=r"short: 3 labels, but .*images holds 20"):
        load_data(idx_files[1].model_copy(update={"labels": tmp_path / "short"}))


def test_idx_without_labels_has_no_classes(idx_files):
    data = load_data(idx_files[1].model_copy(update={"labels": None}))
    assert (len(data.train), len(data.holdout)) == (15, 5)
    assert data.train.labels is None


def test_image_folder_flat_and_by_class(tmp_path):
    for number, name in enumerate(["a", "b"]):
        (tmp_path / "classes" / name).mkdir(parents=True)
        for k in range(3):
            image = Image.new("RGB", (20, 40), (100 * number, 50, 0))
            image.save(tmp_path / "classes" / name / f"{k}.png")
    (tmp_path / "classes" / "empty").mkdir()
    data = load_data(ImageFolderOptions(root=tmp_path / "classes", holdout=0, channels=3, image_size=16))
    assert data.train.images.shape == (6, 3, 16, 16)
    assert torch.equal(data.train.images[:, 0].amax((1, 2)), (100 * data.train.labels).to(torch.uint8))
    flat = load_data(ImageFolderOptions(root=tmp_path / "classes" / "a", holdout=0, image_size=16))
    assert flat.train.images.shape == (3, 1, 16, 16)
    assert flat.train.labels is None
    assert flat.holdout.labels is None


def test_image_folder_errors_name_the_path(tmp_path):
    with pytest.raises(UserError, match=r"data\.root: .*none is not a directory"):
        load_data(ImageFolderOptions(root=tmp_path / "none"))
    with pytest.raises(UserError, match=r"data\.root: no image"):
        load_data(ImageFolderOptions(root=tmp_path))
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    with pytest.raises(UserError, match=r"bad\.png: cannot be read"):
        load_data(ImageFolderOptions(root=tmp_path))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "x.png").touch()
    with pytest.raises(UserError, match="mixes"):
        load_data(ImageFolderOptions(root=tmp_path))


@pytest.mark.parametrize("options", [MnistOptions, FashionMnistOptions])
def test_without_a_network_the_message_says_which_files_go_where(options, tmp_path, monkeypatch, capsys):
    for source in (torchvision.datasets.MNIST, torchvision.datasets.FashionMNIST):
        monkeypatch.setattr(source, "mirrors", ["http://127.0.0.1:9/"])  # nothing listens there
    with pytest.raises(UserError) as caught:
        load_data(options(root=tmp_path))
    folder = "MNIST" if options is MnistOptions else "FashionMNIST"
    for word in (
        "could not be downloaded",
        "train-images-idx3-ubyte.gz",
        str(tmp_path / folder / "raw"),
        "data.name: idx",
        "digits",
    ):
        assert word in str(caught.value)


def test_mnist_files_that_are_already_there_need_no_network(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 6), ("t10k", 4)):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(np.full((count, 28, 28), count)))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(count)))
    data = load_data(MnistOptions(root=tmp_path))
    assert (len(data.train), len(data.holdout)) == (6, 4)
    assert data.train.images.unique().tolist() == [6]


def test_holding_everything_back_is_refused(tmp_path):
    Image.new("L", (28, 28)).save(tmp_path / "x.png")
    with pytest.raises(UserError, match="no image to train on"):
        load_data(ImageFolderOptions(root=tmp_path, holdout=0.9))
