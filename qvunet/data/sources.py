"""Where images come from: each source that a config can name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from backends.errors import UserError
from qvunet.config.options import (
    DataOptions,
    DataSection,
    DigitsOptions,
    FashionMnistOptions,
    IdxOptions,
    ImageFolderOptions,
    MnistOptions,
    PythonOptions,
    SplitSection,
)
from qvunet.data.decoding import read_pictures
from qvunet.data.digits import read_digits
from qvunet.data.fitting import fit_images
from qvunet.data.folders import find_images
from qvunet.data.idx import read_idx
from qvunet.data.images import Dataset, ImageSet
from qvunet.data.python import images_of_factory
from qvunet.tools.seeding import Stream, make_generator


def load_data(options: DataOptions) -> Dataset:
    """Load the data source that a config names.

    Raises:
        UserError: if a file or function is missing or of no use, a download fails, or no image is left to
            train on.
    """
    data = _LOADERS[type(options)](options)
    if len(data.train) == 0:
        raise UserError(f"data: {options.name} has no image to train on")
    return data


def _digits(options: DigitsOptions) -> Dataset:
    pixels, classes = read_digits()
    images = torch.from_numpy(np.rint(pixels * (255 / 16)).astype(np.uint8))  # 0 to 16 in the source
    return _split(_image_set(images[:, None], classes, options), options)


def _idx(options: IdxOptions) -> Dataset:
    images = read_idx(options.images, num_dims=3)
    labels = None if options.labels is None else read_idx(options.labels, num_dims=1)
    if labels is not None and len(images) != len(labels):
        raise UserError(
            f"{options.labels}: {len(labels)} labels, but {options.images} holds {len(images)} images"
        )
    return _split(_image_set(torch.from_numpy(images)[:, None], labels, options), options)


def _torchvision(options: MnistOptions | FashionMnistOptions) -> Dataset:
    from torchvision.datasets import MNIST, FashionMNIST  # here: it brings torch's compiler, for seconds

    source = FashionMNIST if isinstance(options, FashionMnistOptions) else MNIST
    try:
        train, test = (source(options.root, train=part, download=True) for part in (True, False))
    except (RuntimeError, OSError) as error:
        files = ", ".join(name for name, _ in source.resources)
        raise UserError(
            f"data: {options.name} could not be downloaded. Without a network, put {files}, as they are "
            f"published, in {options.root / source.__name__ / 'raw'}; name other files of this "
            "format by data.name: idx; or use data.name: digits, which needs no download"
        ) from error
    return Dataset(*(_image_set(part.data[:, None], part.targets, options) for part in (train, test)))


def _image_folder(options: ImageFolderOptions) -> Dataset:
    folder = find_images(options.root)
    images = read_pictures(folder.files, options.channels, options.image_size)
    folder.report()
    labels = None if folder.labels is None else torch.tensor(folder.labels)
    return _split(ImageSet(images, labels), options)


def _python(options: PythonOptions) -> Dataset:
    return _split(images_of_factory(options), options)


_LOADERS: dict[type, Callable[..., Dataset]] = {
    DigitsOptions: _digits,
    MnistOptions: _torchvision,
    FashionMnistOptions: _torchvision,
    IdxOptions: _idx,
    ImageFolderOptions: _image_folder,
    PythonOptions: _python,
}


def _image_set(images: Tensor, labels: object | None, options: DataSection) -> ImageSet:
    fitted = fit_images(images, options.channels, options.image_size)
    return ImageSet(fitted, None if labels is None else torch.as_tensor(labels).long())


def _split(images: ImageSet, options: SplitSection) -> Dataset:
    order = torch.randperm(len(images), generator=make_generator(options.split_seed, Stream.HOLDOUT))
    num_holdout = round(options.holdout * len(images))
    return Dataset(images[order[num_holdout:]], images[order[:num_holdout]])
