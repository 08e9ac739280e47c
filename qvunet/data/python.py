"""Images of a function of the user's own: whatever it returns, as a set of images, or an error that says what
it should return."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from backends.errors import UserError
from backends.functions import call_function, describe_failure, import_function
from qvunet.config.options import PythonOptions
from qvunet.data.fitting import fit_images
from qvunet.data.images import ImageSet
from qvunet.data.pictures import picture_pixels
from qvunet.tools.progress import ProgressReporter

_KEY = "data.factory"

_ALLOWED = (
    "images, or a tuple of images and labels. Images are an array or tensor, uint8 from 0 to 255, (N, H, W), "
    "(N, C, H, W) or (N, H, W, C) with C = 1 or 3, or a list or torch Dataset of such images or PIL images, "
    "each alone or in a tuple with its label"
)


def images_of_factory(options: PythonOptions) -> ImageSet:
    """Call the function that a config names.

    Args:
        options: the function, what it is called with, and the channels and size of the images.

    Raises:
        UserError: if there is no such function, it fails, or returns anything but images.
    """
    function = import_function(options.factory, _KEY)
    made = call_function(function, options.options, _KEY, "data.options")
    images, labels = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if isinstance(images, Tensor | np.ndarray):
        pixels = fit_images(_channels_first(images, "images"), options.channels, options.image_size)
    else:
        pixels, own = _of_items(images, options)
        if own is not None and labels is not None:
            raise UserError(f"{_KEY}: labels beside images that have labels already; give them once")
        labels = own if labels is None else labels
    if len(pixels) == 0:
        raise UserError(f"{_KEY}: {options.factory} returns no image")
    if pixels.max() == 1:
        raise UserError(f"{_KEY}: all pixels are 0 or 1: uint8 from 0 to 255 is needed, 255 for white")
    return ImageSet(pixels, None if labels is None else _class_numbers(labels, len(pixels)))


def _channels_first(images: Tensor | np.ndarray[Any, Any], what: str) -> Tensor:
    """(N, 1 or 3, H, W) of any layout that is allowed."""
    if str(images.dtype).removeprefix("torch.") != "uint8":
        raise UserError(
            f"{_KEY}: {what}: uint8 from 0 to 255, not {images.dtype}; of values in [0, 1], "
            "(255 * x).round() as uint8"
        )
    # A copy: numpy's may be read-only or of negative strides.
    pixels = images.cpu() if isinstance(images, Tensor) else torch.from_numpy(images.copy())
    if pixels.dim() == 3:
        pixels = pixels[:, None]
    shape = tuple(pixels.shape)
    first, last = (len(shape) == 4 and 0 not in shape[1:] and shape[axis] in (1, 3) for axis in (1, 3))
    if first == last:
        problem = "channels may be first or last" if first else "no images"
        raise UserError(
            f"{_KEY}: {what}: {problem} of shape {tuple(images.shape)}; a function returns {_ALLOWED}"
        )
    return pixels if first else pixels.permute(0, 3, 1, 2)


def _of_items(items: Any, options: PythonOptions) -> tuple[Tensor, list[Any] | None]:
    """Images of a sequence one by one, and their labels if they have any."""
    if not isinstance(items, Sized) or not hasattr(items, "__getitem__") or isinstance(items, Mapping | str):
        raise UserError(f"{_KEY}: {options.factory} returns {type(items).__name__}, not {_ALLOWED}")
    size = options.image_size
    pixels = torch.empty(len(items), options.channels, size, size, dtype=torch.uint8)
    labels: list[Any] = []
    with ProgressReporter("images", len(items), "images") as reporter:
        for number in range(len(items)):
            item = _item(items, number)
            image, *label = item if isinstance(item, tuple) and len(item) == 2 else (item,)
            pixels[number] = _one(image, number, options)
            labels += label
            if len(labels) not in (0, number + 1):
                raise UserError(
                    f"{_KEY}: items have labels, all or none; item {number} differs from those before"
                )
            reporter.update(number + 1)
    return pixels, labels or None


def _item(items: Any, number: int) -> Any:
    try:
        return items[number]
    except (UserError, MemoryError):
        raise
    except Exception as error:  # whatever the user's data set does
        raise UserError(f"{_KEY}: item {number} failed ({describe_failure(error)})") from error


def _one(image: object, number: int, options: PythonOptions) -> Tensor:
    what = f"item {number}"
    if isinstance(image, Image.Image):
        try:
            return torch.tensor(picture_pixels(image, options.channels, options.image_size))
        except (ValueError, OSError) as error:
            raise UserError(f"{_KEY}: {what}: {error}") from None
    if isinstance(image, Tensor | np.ndarray):
        return fit_images(_channels_first(image[None], what), options.channels, options.image_size)[0]
    raise UserError(f"{_KEY}: {what} is {type(image).__name__}, no image; a function returns {_ALLOWED}")


def _class_numbers(labels: Any, num: int) -> Tensor:
    try:
        numbers = np.asarray(labels.cpu() if isinstance(labels, Tensor) else labels)
    except (ValueError, TypeError) as error:
        raise UserError(f"{_KEY}: labels: {error}") from None
    if numbers.dtype.kind not in "iu" or numbers.ndim != 1:
        kind = f"{numbers.dtype} of shape {numbers.shape}"
        raise UserError(f"{_KEY}: labels: whole numbers from 0, one an image, or None; not {kind}")
    if len(numbers) != num:
        raise UserError(f"{_KEY}: {len(numbers):,} labels, but {num:,} images")
    if numbers.min() < 0:
        raise UserError(f"{_KEY}: labels: from 0, not {numbers.min()}")
    return torch.from_numpy(numbers.astype(np.int64))
