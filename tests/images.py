"""Small image files for the tests."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def image(grey: int, size: tuple[int, int] = (28, 28), kind: str = "PNG") -> bytes:
    """An image file of one grey."""
    return encode(np.full(size[::-1], grey, np.uint8), kind)


def encode(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """Pixels as an image file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


DARK, LIGHT = image(10), image(245)
