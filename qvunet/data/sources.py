"""Where images come from: each source that a config can name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image, UnidentifiedImageError
from sklearn.datasets import load_digits
from torch import Tensor
from torchvision.datasets.folder import IMG_EXTENSIONS
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from backends.errors import UserError
from qvunet.config.options import (
    DataOptions,
    DataSection,
    DigitsOptions,
    FashionMnistOptions,
    IdxOptions,
    ImageFolderOptions,
    MnistOptions,
    SplitSection,
)
from qvunet.data.idx import read_idx
from qvunet.data.images import Dataset, ImageSet
from qvunet.tools.seeding import Stream, make_generator


def load_data(options: DataOptions) -> Dataset:
    """Load the data source that a config names.

    Raises:
        UserError: if a file is missing, damaged or cannot be downloaded, or no image is left to train on.
    """
    data = _LOADERS[type(options)](options)
    if len(data.train) == 0:
        raise UserError(f"data: {options.name} has no image to train on")
    return data


def _digits(options: DigitsOptions) -> Dataset:
    bunch = load_digits()
    images = torch.from_numpy(np.rint(bunch.images * (255 / 16)).astype(np.uint8))  # 0 to 16 in the source
    return _split(_image_set(images[:, None], bunch.target, options), options)


def _idx(options: IdxOptions) -> Dataset:
    images, labels = read_idx(options.images, num_dims=3), read_idx(options.labels, num_dims=1)
    if len(images) != len(labels):
        raise UserError(
            f"{options.labels}: {len(labels)} labels, but {options.images} holds {len(images)} images"
        )
    return _split(_image_set(torch.from_numpy(images)[:, None], labels, options), options)


def _torchvision(options: MnistOptions | FashionMnistOptions) -> Dataset:
    source = torchvision.datasets.MNIST
    if isinstance(options, FashionMnistOptions):
        source = torchvision.datasets.FashionMNIST
    try:
        train, test = (source(options.root, train=part, download=True) for part in (True, False))
    except (RuntimeError, OSError) as error:
        files = ", ".join(name for name, _ in source.resources)
        raise UserError(
            f"data: {options.name} could not be downloaded. Without a network, put {files} in "
            f"{options.root / source.__name__ / 'raw'}, or use data.name: digits, which needs no download"
        ) from error
    return Dataset(*(_image_set(part.data[:, None], part.targets, options) for part in (train, test)))


def _image_folder(options: ImageFolderOptions) -> Dataset:
    root = options.root
    if not root.is_dir():
        raise UserError(f"data.root: {root} is not a directory")
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    classes = [_image_files(root), *(_image_files(folder) for folder in folders)]
    if classes[0] and any(classes[1:]):
        raise UserError(f"data.root: {root} mixes images and folders of images; use one layout")
    classes = [files for files in classes if files]
    if not classes:
        raise UserError(f"data.root: no image ({', '.join(IMG_EXTENSIONS)}) in {root} or its subfolders")
    images = torch.cat([_read_image(path, options) for files in classes for path in files])
    labels = np.repeat(np.arange(len(classes)), [len(files) for files in classes])
    return _split(ImageSet(images, torch.from_numpy(labels)), options)


_LOADERS: dict[type, Callable[..., Dataset]] = {
    DigitsOptions: _digits,
    MnistOptions: _torchvision,
    FashionMnistOptions: _torchvision,
    IdxOptions: _idx,
    ImageFolderOptions: _image_folder,
}


def _image_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMG_EXTENSIONS)


def _read_image(path: Path, options: DataSection) -> Tensor:
    try:
        with Image.open(path) as image:
            pixels = F.pil_to_tensor(image.convert("L" if options.channels == 1 else "RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise UserError(f"{path}: cannot be read as an image ({error})") from None
    return _fit(pixels[None], options)


def _image_set(images: Tensor, labels: object, options: DataSection) -> ImageSet:
    return ImageSet(_fit(images, options), torch.as_tensor(labels).long())


def _fit(images: Tensor, options: DataSection) -> Tensor:
    """Bring (N, 1 or 3, H, W) uint8 to the configured channels and size."""
    size = options.image_size
    if images.shape[1] < options.channels:
        images = images.expand(-1, options.channels, -1, -1)
    if images.shape[-2:] == (size, size):
        return images
    # A number alone resizes the shorter side and keeps the aspect ratio.
    resized = F.resize(images, [size], interpolation=InterpolationMode.BICUBIC, antialias=True)
    return F.center_crop(resized, [size, size])


def _split(images: ImageSet, options: SplitSection) -> Dataset:
    order = torch.randperm(len(images), generator=make_generator(options.split_seed, Stream.HOLDOUT))
    num_holdout = round(options.holdout * len(images))
    return Dataset(images[order[num_holdout:]], images[order[:num_holdout]])
