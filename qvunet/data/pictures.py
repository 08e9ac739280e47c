"""One picture, read as people see it: upright, on white where it is transparent, in 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from backends.errors import UserError

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What sets a picture upright, by its EXIF orientation; 1 is upright."""

_SIXTEEN_BITS_AS_INT = ("PNG", "PPM")
"""Formats whose pixels Pillow may hand out as 32-bit integers that go to 65,535."""

_SEVERAL_VIEWS = ("MPO",)
"""Formats whose further frames are previews or depths of the one photograph."""


def read_picture(path: Path, channels: int, size: int) -> tuple[NDArray[np.uint8], bool]:
    """Read a file of any format that Pillow knows.

    Args:
        path: the file; its format is recognised by its content.
        channels: as in `picture_pixels`.
        size: as in `picture_pixels`.

    Returns:
        Pixels, as of `picture_pixels`, and whether the file holds more frames or pages than the first, which
        these are.

    Raises:
        UserError: if it cannot be read; names the file.
    """
    try:
        with Image.open(path) as image:
            several = getattr(image, "is_animated", False) and image.format not in _SEVERAL_VIEWS
            # A JPEG decodes at 1/2, 1/4 or 1/8 of its size in a fraction of the time.
            image.draft("L" if channels == 1 else None, (2 * size, 2 * size))
            return picture_pixels(image, channels, size), several
    except MemoryError:
        raise
    except Exception as error:  # on damaged files the readers of Pillow raise errors of all kinds
        raise UserError(f"{path}: cannot be read as an image ({_reason(error)})") from None


def picture_pixels(image: Image.Image, channels: int, size: int) -> NDArray[np.uint8]:
    """The centre square of a picture, at another size.

    EXIF orientation is applied, transparent parts show white, 16-bit greys keep their greys.

    Args:
        image: of any mode but those below; of several frames the first.
        channels: 1 for grey, 3 for RGB.
        size: height and width in pixels.

    Returns:
        (channels, size, size) uint8, 0 to 255.

    Raises:
        ValueError: if it has floating-point or 32-bit pixels, whose range nobody knows, or is in a colour
            space that Pillow does not convert.
        OSError: as Pillow does if its file is damaged.
    """
    image.load()  # some formats know their orientation only afterwards
    turn = _TURNS.get(_orientation(image))
    plain = _opaque(_eight_bits(image)).convert("L" if channels == 1 else "RGB")
    fitted = ImageOps.fit(plain, (size, size), Image.Resampling.BICUBIC)
    pixels = np.asarray(fitted if turn is None else fitted.transpose(turn))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _reason(error: Exception) -> object:
    if isinstance(error, Image.UnidentifiedImageError):
        return "of no format that is known"
    return getattr(error, "strerror", None) or error


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged notes about a picture are no reason to refuse it
        return 1


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in _SIXTEEN_BITS_AS_INT):
        return Image.fromarray(_greys(image))
    if image.mode in ("I", "F"):
        kind = "floating-point" if image.mode == "F" else "32-bit"
        raise ValueError(f"{kind} pixels, whose black and white nobody knows; save it with 8 or 16 bits")
    return image


def _greys(image: Image.Image) -> NDArray[np.uint8]:
    """Of up to 16 bits. A TIFF says how many, and whether 0 is white, which Pillow heeds for 8 bits only."""
    tags = getattr(image, "tag_v2", {})
    white = 2 ** tags.get(ExifTags.Base.BitsPerSample, (16,))[0] - 1
    values = np.asarray(image).astype(np.uint32)
    greys = ((values * 255 + white // 2) // white).astype(np.uint8)
    if tags.get(ExifTags.Base.PhotometricInterpretation) == 0:
        greys = 255 - greys
    if isinstance(transparent := image.info.get("transparency"), int):
        greys[values == transparent] = 255
    return greys


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    colours = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours)
