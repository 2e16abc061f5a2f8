"""PNG files: written of pixels, and small plain ones read without Pillow's Python.

Pillow reads a PNG chunk by chunk, and makes an object for each step; for 28×28 pixels that costs
several times what inflating them does.
"""

from __future__ import annotations

import io
import struct
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MOST_PIXELS: Final = 64 * 64
"""An image of no more costs less than handing it to another thread."""

_MOST_BYTES: Final = 8 * MOST_PIXELS
"""Twice what the pixels are, uncompressed: more is no plain file, and would be summed in vain."""

_START: Final = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"
_MODES: Final = {(8, 0): "L", (8, 2): "RGB", (8, 6): "RGBA"}
"""By bits and colour type."""


def decode(data: bytes) -> Image.Image | None:
    """The image of a PNG file; None where there is more to know of it than its pixels.

    That is for Pillow's reader: palettes, transparent colours, 16 bits, metadata, whatever is
    broken, and larger images.
    """
    if len(data) > _MOST_BYTES or not data.startswith(_START):
        return None
    try:
        width, height, *kind, coding, filters, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
        mode, is_small = _MODES.get(tuple(kind)), 0 < width * height <= MOST_PIXELS
        if mode is None or not is_small or coding or filters or interlaced:
            return None
        pixels = _pixels(data)
        if pixels is None:
            return None
        return Image.frombytes(mode, (width, height), pixels, "zip", mode, 0)
    except (ValueError, struct.error):
        return None


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """The PNG file of an image: uint8 (H, W, C), 0–255, one channel or three."""
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "PNG")
    return file.getvalue()


def _pixels(data: bytes) -> bytes | None:
    """What the IDAT chunks hold, compressed; None where there are others, or one is broken."""
    at, parts = 8, []
    while True:
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            return None
        if name == b"IDAT":
            parts.append(data[at + 8 : end - 4])
        elif at > 8:  # the first is IHDR, which has been read
            return b"".join(parts) if name == b"IEND" else None
        at = end
