"""Small plain PNGs are read as Pillow reads them; all others are left to it."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from service.errors import InvalidImage
from service.manifest import ImageInput
from service.preprocessing.image import EncodedImage
from service.preprocessing.png import decode

CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}


def noise(mode: str, width: int = 28, height: int = 28) -> Image.Image:
    """A smooth image with specks: Pillow's writer chooses each of the five filters for it."""
    random = np.random.default_rng(width * 100 + height)
    rows, columns = np.mgrid[:height, :width]
    smooth = np.stack([rows * 7, columns * 5, rows + columns, 255 - rows], axis=-1)
    specks = random.integers(0, 256, smooth.shape) * (random.random(smooth.shape) < 0.2)
    pixels = (smooth + specks).astype(np.uint8)[:, :, : CHANNELS[mode]]
    return Image.fromarray(pixels[:, :, 0] if mode == "L" else pixels)


def png(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def by_hand(
    pixels: bytes, *, bits: int = 8, colour: int = 0, interlaced: int = 0, side: int = 4
) -> bytes:
    head = struct.pack(">IIBBBBB", side, side, bits, colour, 0, 0, interlaced)
    chunks = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(pixels)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("size", [(1, 1), (28, 28), (64, 64), (2048, 2), (3, 61)])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_the_pixels_are_those_that_were_saved(mode: str, size: tuple[int, int]) -> None:
    image = noise(mode, *size)
    decoded = decode(png(image))
    assert decoded is not None
    assert (decoded.mode, decoded.size) == (mode, size)
    assert decoded.tobytes() == image.tobytes()


def test_a_file_in_several_parts_is_read_too() -> None:
    # as some writers send it: the compressed stream cut anywhere
    data = zlib.compress(b"".join(b"\0" + bytes([row] * 4) for row in range(4)))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0))
    parts = chunk(b"IDAT", data[:5]) + chunk(b"IDAT", b"") + chunk(b"IDAT", data[5:])
    decoded = decode(b"\x89PNG\r\n\x1a\n" + head + parts + chunk(b"IEND", b""))
    assert decoded is not None
    assert np.asarray(decoded).tolist() == [[row] * 4 for row in range(4)]


@pytest.mark.parametrize(
    "file",
    [
        png(noise("L", 65, 64)),
        png(noise("RGB").convert("P")),
        png(noise("L").convert("1")),
        png(noise("L").convert("I;16")),
        png(noise("L").convert("LA")),
        png(noise("L"), transparency=3),
        png(noise("L"), dpi=(96, 96)),
        png(noise("L"), exif=Image.Exif().tobytes()),
        by_hand(bytes(20), interlaced=1),
        by_hand(bytes(19)),
        by_hand(b"\x07" + bytes(19)),
        by_hand(b"", side=0),
        by_hand(bytes(20))[:-12] + chunk(b"IDAT", bytes(70_000)) + chunk(b"IEND", b""),
        png(noise("L"))[:-1],
        png(noise("L")).replace(b"IEND", b"IENE"),
        b"\x89PNG\r\n\x1a\n",
        b"",
    ],
    ids=[
        *("large", "palette", "1 bit", "16 bits", "grey with alpha", "transparent colour"),
        *("resolution", "orientation", "interlaced", "a byte short", "no such filter"),
        *("no pixels", "long beyond its pixels"),
        *("cut", "wrong checksum", "signature alone", "nothing"),
    ],
)
def test_whatever_is_more_than_its_pixels_is_left_to_pillow(file: bytes) -> None:
    assert decode(file) is None


def test_info_beside_the_pixels_is_left_to_pillow() -> None:
    info = PngInfo()
    info.add_text("Comment", "a digit")
    assert decode(png(noise("L"), pnginfo=info)) is None


def test_one_without_pixels_is_no_image() -> None:
    with pytest.raises(InvalidImage, match="header is broken"):
        EncodedImage.open(by_hand(b"", side=0), max_pixels=1000)


@pytest.mark.parametrize("pixels", [bytes(19), b"\x07" + bytes(19)], ids=["short", "filter"])
def test_a_broken_one_is_refused_as_ever(pixels: bytes) -> None:
    image = EncodedImage.open(by_hand(pixels), max_pixels=1000)
    with pytest.raises(InvalidImage, match="4×4 pixels cannot be decoded"):
        image.decode(ImageInput(height=4, width=4, channels=1))
