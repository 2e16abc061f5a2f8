"""Headers: what a file would cost is known, and refused, before anything is allocated for it."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import pytest
from PIL import Image

from service.errors import InputTooLarge, InvalidImage
from service.preprocessing.image import EncodedImage
from tests.service.preprocessing.test_image import LIMIT, chunk, file, png


def _gif_bomb(side: int) -> bytes:
    """A GIF of a small canvas whose first frame and its disposal are huge."""
    control = b"!\xf9\x04\x08\0\0\0\0"
    frame = b"," + struct.pack("<4HB", 0, 0, side, side, 0) + b"\x02\x02\x4c\x01\0;"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + control + frame


def _icon(inner: bytes, side: int = 16) -> bytes:
    entry = struct.pack("<BBBBHHII", side, side, 0, 0, 1, 32, len(inner), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + inner


def _bitmap_header(width: int, height: int) -> bytes:
    return struct.pack("<IiiHHIIiiII", 40, width, height * 2, 1, 32, 0, 0, 0, 0, 0, 0)


WIDE = 40_000
BOMBS = {
    "png": png(WIDE, WIDE, 1, 0, b""),
    "gif canvas": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b",",
    "gif frame": _gif_bomb(65_000),
    "webp lossless": b"RIFF\x40\0\0\0WEBPVP8L\x30\0\0\0\x2f" + b"\xff\xff\xff\x0f" + bytes(40),
    "webp extended": b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + b"\xff\x3f\0" * 2 + bytes(40),
    "bmp": b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + _bitmap_header(WIDE, WIDE),
    "ppm": b"P5 40000 40000 255\n",
    "icon with a png": _icon(png(WIDE, WIDE, 1, 0, b"")),
    "icon with a bitmap": _icon(_bitmap_header(WIDE, WIDE)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_its_header(name: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InputTooLarge):
            EncodedImage.open(BOMBS[name], max_pixels=LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_tiff_of_many_strips_or_huge_tiles_is_refused() -> None:
    data = bytearray(file(Image.new("RGB", (64, 48), "red"), "TIFF"))
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    for index in range(count):
        at = directory + 2 + 12 * index
        if struct.unpack_from("<H", data, at) == (273,):  # StripOffsets
            struct.pack_into("<I", data, at + 4, 5_000_000)

    with pytest.raises(InputTooLarge, match="strips"):
        EncodedImage.open(bytes(data), max_pixels=LIMIT)


def test_text_chunks_that_expand_are_refused() -> None:
    expanding = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000)))

    with pytest.raises(InvalidImage):
        EncodedImage.open(png(1, 1, 8, 0, b"\0\0", expanding), max_pixels=LIMIT)


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    data = file(Image.new("RGB", (64, 48), "red"), "JPEG", progressive=True)

    with pytest.raises(InvalidImage, match="scans"):
        EncodedImage.open(data + b"\xff\xda" * 1000, max_pixels=LIMIT)


def test_what_pillow_decodes_in_python_is_refused_above_a_few_megapixels() -> None:
    with pytest.raises(InputTooLarge, match="PNG"):
        EncodedImage.open(b"P2 4000 4000 255\n", max_pixels=50_000_000)


def test_a_little_less_than_the_limit_is_read() -> None:
    plain = file(Image.new("1", (1000, 1000)))

    assert EncodedImage.open(plain, max_pixels=1_000_000).pixels == 1_000_000
    with pytest.raises(InputTooLarge, match="1000×1000 pixels"):
        EncodedImage.open(plain, max_pixels=999_999)
