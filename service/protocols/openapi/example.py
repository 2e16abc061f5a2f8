"""The image in the document's examples: a seven, white on black, as MNIST's models take it."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Final

MODEL: Final = "mnist-lenet5"
"""The model of the examples."""
ENCODER: Final = "emoji-clip"
"""The model of vectors there."""
SIZE: Final = 28
"""Pixels of the image's height and width."""


def _ink(row: int, column: int) -> bool:
    """Whether a pen that draws a seven passes there: a bar, and a stroke down to the left."""
    if 6 <= row <= 8:
        return 7 <= column <= 20
    return 9 <= row <= 23 and abs(column - (24.5 - 0.6 * row)) < 1.6


def _png(rows: list[list[int]]) -> bytes:
    """A greyscale PNG file of some rows of pixels, 0–255."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    lines = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 9)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


PIXELS: Final = [[255 * _ink(row, column) for column in range(SIZE)] for row in range(SIZE)]
"""Its rows."""
FILE: Final = base64.b64encode(_png(PIXELS)).decode()
"""Its PNG file in base64."""
