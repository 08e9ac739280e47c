from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, IterableDataset, Subset

from backends.errors import UserError
from qvunet.config.options import PythonOptions
from qvunet.data import load_data, python
from qvunet.data.python import images_of_factory

GREYS = torch.arange(0, 240, 10, dtype=torch.uint8)
"""One an image."""

FLAT = GREYS[:, None, None].expand(-1, 8, 8).clone()


class Pairs(Dataset):
    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, number):
        return self.images[number], self.labels[number]


class Endless(IterableDataset):
    def __iter__(self):
        yield FLAT[0]


def pil(image):
    return Image.fromarray(np.asarray(image))


def images_of(made, monkeypatch, channels=1, size=8):
    monkeypatch.setattr(python, "import_function", lambda *args: lambda: made)
    return images_of_factory(PythonOptions(factory="a:b", channels=channels, image_size=size))


@pytest.mark.parametrize(
    "made",
    [
        FLAT,
        FLAT.numpy(),
        FLAT.numpy()[:, ::-1],
        np.broadcast_to(GREYS.numpy()[:, None, None], (24, 8, 8)),
        FLAT[:, None],
        FLAT[..., None],
        FLAT[:, None].expand(-1, 3, -1, -1),
        FLAT[..., None].expand(-1, -1, -1, 3).numpy(),
        list(FLAT),
        [each[None] for each in FLAT],
        [each[..., None].expand(-1, -1, 3).numpy() for each in FLAT],
        [pil(each) for each in FLAT],
        [pil(each).convert("RGB") for each in FLAT],
        [pil(each).resize((20, 14)) for each in FLAT],
        FLAT.repeat_interleave(3, dim=1).repeat_interleave(2, dim=2),
        tuple(FLAT),
        Subset(list(FLAT), range(24)),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_every_layout(made, channels, monkeypatch):
    found = images_of(made, monkeypatch, channels)
    assert found.labels is None
    assert torch.equal(found.images, FLAT[:, None].expand(-1, channels, -1, -1))


@pytest.mark.parametrize(
    "labels",
    [
        list(range(24)),
        range(24),
        np.arange(24, dtype=np.uint8),
        torch.arange(24),
        [torch.tensor(k) for k in range(24)],
    ],
)
@pytest.mark.parametrize("beside", [True, False])
def test_labels_beside_images_or_with_each(labels, beside, monkeypatch):
    found = images_of((FLAT, labels) if beside else Pairs(FLAT, labels), monkeypatch)
    assert found.labels.tolist() == list(range(24))
    assert found.labels.dtype == torch.int64


def test_colours_become_grey_as_in_pillow(monkeypatch):
    colours = torch.randint(
        0, 256, (5, 8, 8, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    as_array = images_of(colours, monkeypatch).images
    as_pictures = images_of([pil(each) for each in colours], monkeypatch).images
    assert torch.equal(as_array, as_pictures)
    assert torch.equal(images_of(colours, monkeypatch, 3).images, colours.permute(0, 3, 1, 2))


def test_pictures_are_read_as_files_are(monkeypatch):
    transparent = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    sixteen = pil(np.full((8, 8), 25_700, np.uint16))
    assert images_of([transparent, sixteen], monkeypatch).images[:, 0, 0, 0].tolist() == [255, 100]


def failing(number):
    raise RuntimeError(f"no image {number}")


class Failing(Pairs):
    __getitem__ = staticmethod(failing)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (FLAT / 255, r"images: uint8 from 0 to 255, not torch\.float32; of values in \[0, 1\], \(255"),
        (FLAT.numpy().astype(np.uint16), r"images: uint8 from 0 to 255, not uint16"),
        ([FLAT[0], FLAT[1] / 255], r"item 1: uint8 from 0 to 255"),
        (FLAT[0, 0], r"images: no images of shape \(8,\); a function returns images, or"),
        (FLAT[:, :, :, None].expand(-1, -1, -1, 4), r"images: no images of shape \(24, 8, 8, 4\)"),
        (FLAT[:, None, :, :3], r"images: channels may be first or last of shape \(24, 1, 8, 3\)"),
        (FLAT[:, :0], r"images: no images of shape \(24, 0, 8\)"),
        (FLAT[:0], r"a:b returns no image"),
        ([], r"a:b returns no image"),
        ((FLAT > 99).to(torch.uint8), r"all pixels are 0 or 1"),
        (None, r"a:b returns NoneType, not images, or"),
        ("photos", r"a:b returns str, not"),
        ({"images": FLAT}, r"a:b returns dict, not"),
        (Endless(), r"a:b returns Endless, not"),
        (["a.png"], r"item 0 is str, no image"),
        ([Image.new("F", (8, 8))], r"item 0: floating-point pixels"),
        (Failing(FLAT, FLAT), r"item 0 failed \(.*test_python\.py:\d+: RuntimeError: no image 0\)"),
        ((FLAT, range(23)), r"23 labels, but 24 images"),
        ((FLAT, [0.5] * 24), r"labels: whole numbers from 0, .*not float64 of shape \(24,\)"),
        ((FLAT, ["cat"] * 24), r"labels: whole numbers"),
        ((FLAT, [True] * 24), r"labels: whole numbers"),
        ((FLAT, np.eye(24, dtype=int)), r"labels: whole numbers from 0, .*\(24, 24\)"),
        ((FLAT, range(-1, 23)), r"labels: from 0, not -1"),
        ((FLAT, [[1], [2, 3]]), r"labels: "),
        ((Pairs(FLAT, range(24)), range(24)), r"labels beside images that have labels already"),
        ([(FLAT[0], 1), FLAT[1]], r"items have labels, all or none; item 1 differs"),
        ([FLAT[0], (FLAT[1], 1)], r"items have labels, all or none; item 1 differs"),
    ],
)
def test_anything_else_is_refused(made, words, monkeypatch):
    with pytest.raises(UserError, match=rf"^data\.factory: {words}"):
        images_of(made, monkeypatch)


def make_squares(count, labelled=True):
    """For the test below, which names it as a config does."""
    images = np.full((count, 8, 8), 50, np.uint8)
    return (images, [number % 2 for number in range(count)]) if labelled else images


def test_a_config_names_a_function_and_its_options():
    options = PythonOptions(factory=f"{__name__}:make_squares", options={"count": 20}, holdout=0.25)
    data = load_data(options)
    assert data.train.images.shape == (15, 1, 28, 28)
    assert sorted(torch.cat([data.train.labels, data.holdout.labels]).tolist()) == [0] * 10 + [1] * 10
    unlabelled = load_data(options.model_copy(update={"options": {"count": 2, "labelled": False}}))
    assert unlabelled.train.labels is None
