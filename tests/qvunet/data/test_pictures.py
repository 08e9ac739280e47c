from __future__ import annotations

import io
import struct
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, ImageOps

from backends.errors import UserError
from qvunet.data.pictures import picture_pixels, read_picture

RAMP = (np.arange(64, dtype=np.uint16) * 1000).reshape(8, 8)
"""Greys of 16 bits."""


def corners() -> Image.Image:
    """Each corner of 8x8 pixels has another grey."""
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:4, 4:], pixels[4:, :4], pixels[4:, 4:] = 80, 160, 240
    return Image.fromarray(pixels)


def read(image: Image.Image, path, channels=1, size=8, **options):
    image.save(path, **options)
    return read_picture(path, channels, size)[0].astype(int)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm", "a.jp2"])
def test_sixteen_bit_greys_are_kept(name, tmp_path):
    assert np.abs(read(Image.fromarray(RAMP), tmp_path / name)[0] - RAMP / 257).max() <= 0.5


def test_sixteen_bit_greys_of_the_other_byte_order_are_kept():
    image = Image.frombytes("I;16B", (8, 8), RAMP.astype(">u2").tobytes())
    assert np.abs(picture_pixels(image, 1, 8)[0] - RAMP / 257).max() <= 0.5


def tiff(bits: int, zero_is_white: bool, order: str, content: bytes) -> bytes:
    """8x8 greys, which Pillow does not write in these ways."""
    tags = {256: 8, 257: 8, 258: bits, 259: 1, 262: 0 if zero_is_white else 1, 273: 8, 277: 1, 278: 8}
    tags[279] = len(content)
    entries = b"".join(struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0) for tag, value in tags.items())
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(content))
    return head + content + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize(("order", "zero_is_white"), [("<", False), ("<", True), (">", False)])
def test_tiffs_of_both_byte_orders_whose_zero_may_be_white(order, zero_is_white, tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff(16, zero_is_white, order, RAMP.astype(f"{order}u2").tobytes()))
    greys = RAMP / 257
    got = read_picture(tmp_path / "a.tif", 1, 8)[0][0]
    assert np.abs(got - (255 - greys if zero_is_white else greys)).max() <= 0.5


def test_tiffs_of_twelve_bits(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff(12, False, "<", bytes([0x80, 0x08, 0x00]) * 32))  # 0x800, twice
    assert (read_picture(tmp_path / "a.tif", 1, 8)[0] == 128).all()


def test_a_transparent_grey_of_sixteen_bits_shows_white(tmp_path):
    greys = np.full((8, 8), 5000, np.uint16)
    greys[0, 0] = 5001
    got = read(Image.fromarray(greys), tmp_path / "a.png", transparency=5000)
    assert got[0, 0, 0] == 19
    assert (got.flatten()[1:] == 255).all()


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_without_a_range_are_refused_by_name(mode, tmp_path):
    Image.fromarray(np.ones((8, 8), {"I": np.int32, "F": np.float32}[mode])).save(tmp_path / "a.tif")
    with pytest.raises(UserError, match=r"a\.tif: .*black and white nobody knows; save it with 8 or 16 bits"):
        read_picture(tmp_path / "a.tif", 1, 8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
def test_photographs_stand_upright(name, orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    got = read(corners(), tmp_path / name, exif=exif, quality=95)
    with Image.open(tmp_path / name) as image:
        right = np.asarray(ImageOps.exif_transpose(image).convert("L")).astype(int)
    assert np.abs(got[0] - right).max() <= 2
    assert (got[0, 1, 1] == 0) == (orientation in (1, 5))


def test_damaged_exif_does_not_matter(tmp_path):
    got = read(corners(), tmp_path / "a.jpg", exif=b"Exif\x00\x00nonsense", quality=95)
    assert np.abs(got[0] - np.asarray(corners()).astype(int)).max() <= 2


def half_transparent(mode: str) -> Image.Image:
    """Left half blue, right half transparent over red."""
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :4] = 0, 0, 255, 255
    pixels[:, 4:, 0] = 255
    image = Image.fromarray(pixels)
    if mode == "P":
        image = image.convert("RGB").quantize(2)
        transparent = image.getpixel((7, 0))
        image.info["transparency"] = transparent
    return image if mode in ("RGBA", "P") else image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "name"), [("RGBA", "a.png"), ("RGBA", "a.webp"), ("P", "a.png"), ("P", "a.gif")]
)
def test_transparent_parts_show_white(mode, name, tmp_path):
    got = read(half_transparent(mode), tmp_path / name, channels=3, lossless=True)
    assert np.abs(got[:, :, :4] - np.array([0, 0, 255])[:, None, None]).max() <= 1
    assert (got[:, :, 4:] == 255).all()
    assert (read(half_transparent(mode), tmp_path / name, lossless=True)[:, :, 4:] == 255).all()


def test_transparent_greys_show_white(tmp_path):
    assert (read(half_transparent("LA"), tmp_path / "a.png")[0, 0] == [29] * 4 + [255] * 4).all()
    one_colour = Image.fromarray(np.full((8, 8), 7, np.uint8))
    assert (read(one_colour, tmp_path / "b.png", transparency=7) == 255).all()


def test_half_transparent_is_halfway_to_white(tmp_path):
    image = Image.new("RGBA", (8, 8), (100, 0, 0, 128))
    assert read(image, tmp_path / "a.png", channels=3)[:, 0, 0].tolist() == [177, 127, 127]


@pytest.mark.parametrize(
    ("mode", "name"),
    [("CMYK", "a.jpg"), ("CMYK", "a.tif"), ("P", "a.bmp"), ("1", "a.png"), ("L", "a.gif"), ("YCbCr", "a.jpg")]
    + [("RGB", f"a.{suffix}") for suffix in ("bmp", "tga", "ppm", "ico", "webp", "jp2", "qoi", "pcx", "sgi")],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_other_modes_and_formats_are_read_right(mode, name, channels, tmp_path):
    image = Image.fromarray(np.repeat(np.asarray(corners()) // 160 * 255, 2, axis=0).repeat(2, axis=1))
    options = {} if name.endswith("ico") else {"quality": 95, "lossless": True}
    got = read(image.convert("RGB").convert(mode), tmp_path / name, channels, size=16, **options)
    assert got.shape == (channels, 16, 16)
    assert np.abs(got - np.asarray(image).astype(int)).max() <= 3


def test_colours_keep_their_order(tmp_path):
    cyan = read(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), tmp_path / "a.jpg", 3)
    assert np.abs(cyan[:, 0, 0] - [0, 255, 255]).max() <= 3
    colour = read(Image.new("RGB", (8, 8), (10, 20, 30)), tmp_path / "a.png", 3)
    assert colour[:, 0, 0].tolist() == [10, 20, 30]


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.tif"])
def test_of_several_frames_the_first_is_read_and_said(name, tmp_path):
    frames = [Image.new("L", (8, 8), grey) for grey in (50, 200)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
    pixels, several = read_picture(tmp_path / name, 1, 8)
    assert several
    assert (pixels == 50).all()


def test_a_preview_in_a_photograph_is_no_frame(tmp_path):
    image = Image.new("L", (8, 8), 50)
    image.save(tmp_path / "a.mpo", save_all=True, append_images=[image])
    assert read_picture(tmp_path / "a.mpo", 1, 8)[1] is False


def test_the_centre_square_at_another_size(tmp_path):
    wide = np.zeros((40, 120), np.uint8)
    wide[:, 40:80] = 200
    got = read(Image.fromarray(wide), tmp_path / "a.png", size=10)[0]
    assert np.abs(got[:, 2:-2] - 200).max() <= 3  # the outermost columns see what lies beside the square
    assert (got[:, [0, -1]] > 150).all()


def test_large_photographs_are_decoded_at_a_smaller_scale(tmp_path, monkeypatch):
    smooth = np.linspace(0, 255, 640).astype(np.uint8)[None].repeat(640, axis=0)
    Image.fromarray(smooth).convert("RGB").save(tmp_path / "a.jpg", quality=95)
    decoded = []
    fit = ImageOps.fit
    monkeypatch.setattr(ImageOps, "fit", lambda image, *args: decoded.append(image.size) or fit(image, *args))
    small = read_picture(tmp_path / "a.jpg", 1, 16)[0].astype(int)
    assert decoded == [(80, 80)]
    exact = np.asarray(fit(Image.fromarray(smooth), (16, 16), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(small[0] - exact).max() <= 2


DAMAGE = {
    "cut": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "other": lambda content: b"not a picture",
    "head": lambda content: content[:9],
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_damage_is_named(format, how, tmp_path):
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)).save(content, format)
    path = tmp_path / "bad.png"
    path.write_bytes(DAMAGE[how](content.getvalue()))
    with pytest.raises(UserError, match=r"bad\.png: cannot be read as an image"):
        read_picture(path, 3, 8)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"bad\.png: cannot be read as an image \(No such file"):
        read_picture(tmp_path / "bad.png", 3, 8)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("at", range(0, 600, 13))
def test_damage_anywhere_is_read_or_named(at, tmp_path):
    content = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    corners().save(content, "JPEG", exif=exif)
    broken = bytearray(content.getvalue())
    broken[at : at + 7] = b"\xff\x00\xff\xd8\x81\x00\x99"
    path = tmp_path / "bad.jpg"
    path.write_bytes(broken)
    with suppress(UserError):  # anything else would end in a traceback
        assert read_picture(path, 3, 8)[0].shape == (3, 8, 8)
