"""A drawn digit in every format that the service reads."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final

from PIL import Image, ImageDraw

DIGIT: Final = "7"


def digits() -> Iterator[tuple[str, str, bytes]]:
    """The seven as (what it is, its content type, the file's bytes)."""
    seven = _draw()
    wide = Image.new("I;16", seven.size)
    wide.putdata([value * 257 for value in seven.convert("L").tobytes()])
    clear = seven.convert("L").point(lambda value: 255 - value)
    clear = Image.merge("LA", (Image.new("L", seven.size), clear))
    yield "PNG", "image/png", _file(seven, "PNG")
    yield "PNG, 16 bits", "image/png", _file(wide, "PNG")
    yield "PNG, transparent", "image/png", _file(clear, "PNG")
    yield "JPEG", "image/jpeg", _file(seven, "JPEG")
    yield "JPEG, CMYK", "image/jpeg", _file(seven.convert("CMYK"), "JPEG")
    yield "MPO", "image/jpeg", _file(seven, "MPO")
    yield "GIF", "image/gif", _file(seven, "GIF")
    yield "WebP", "image/webp", _file(seven, "WEBP")
    yield "AVIF", "image/avif", _file(seven, "AVIF")
    yield "BMP", "image/bmp", _file(seven, "BMP")
    yield "BMP of 23 MB", "image/bmp", _file(seven.resize((2400, 3200)), "BMP")
    yield "ICO", "image/x-icon", _file(seven, "ICO")
    yield "PPM", "image/x-portable-pixmap", _file(seven, "PPM")
    for compression in ("raw", "tiff_lzw", "tiff_deflate", "jpeg", "zstd"):
        content = _file(seven, "TIFF", compression=compression)
        yield f"TIFF, {compression}", "image/tiff", content


def _draw() -> Image.Image:
    """Dark on white, off the middle: (300, 400) RGB, as a paint program makes it."""
    image = Image.new("RGB", (300, 400), "white")
    strokes = [(100, 80), (190, 80), (130, 320)]
    ImageDraw.Draw(image).line(strokes, fill="black", width=24, joint="curve")
    return image


def _file(image: Image.Image, kind: str, **options: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
