"""Headers of image files: which format the bytes are, and what they would cost to decode.

Judged before Pillow opens a file where opening it allocates (GIF, ICO, WebP) or lists its tiles
(TIFF), and before decoding where the header says that decoding costs far more than its pixels.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Final

from PIL import IcoImagePlugin, ImageFile, TiffImagePlugin

from service.errors import InputTooLarge, InvalidImage, UnsupportedType

READ: Final = "PNG, JPEG, GIF, WebP, BMP, TIFF, ICO, PPM, AVIF or MPO"
"""The formats we read, for messages."""

_PYTHON_PIXELS: Final = 4_000_000
"""Pixels that the decoders Pillow has in Python may decode: they take 0.1–0.5 µs each."""

_JPEG_SCANS: Final = 500
"""Scans of a progressive JPEG; a few bytes can order each of them over the whole image."""

_TIFF_PARTS: Final = 65_536
"""Strips or tiles of a TIFF: Pillow makes a Python object for each before it decodes any."""

_SIGNATURES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    *((start, "TIFF") for start in TiffImagePlugin.PREFIXES),
    (b"\0\0\1\0", "ICO"),
    *((b"P" + kind, "PPM") for kind in (b"1", b"2", b"3", b"4", b"5", b"6", b"f")),
)

_REFUSED: Final[tuple[tuple[bytes, str], ...]] = (
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"<svg", "SVG"),
    (b"<?xml", "SVG or other XML"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\2\0", "a cursor"),
    (b"\xd7\xcd\xc6\x9a", "WMF"),
    (b"SIMPLE", "FITS"),
    (b"DDS ", "DDS"),
    (b"qoif", "QOI"),
    (b"icns", "ICNS"),
)
"""Image formats that we know and do not read: their sender is told so by name."""


def format_of(data: bytes) -> str:
    """The format of a file, by its first bytes: a name of `images.FORMATS`."""
    for start, kind in _SIGNATURES:
        if data.startswith(start):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp" and b"avi" in data[8 : min(64, int.from_bytes(data[:4]))]:
        return "AVIF"
    known = f"send {READ}"
    for start, kind in _REFUSED:
        if data.lstrip()[: len(start)] == start:
            raise UnsupportedType(f"images of the format {kind} are not read: {known}")
    if data[4:8] == b"ftyp":
        raise UnsupportedType(f"images of the format {data[8:12]!r} are not read: {known}")
    if not data:
        raise InvalidImage(f"the image is empty, 0 bytes: {known}")
    raise InvalidImage(f"the bytes are no image (they begin with {data[:8]!r}): {known}")


def judge(kind: str, size: tuple[int, int], max_pixels: int) -> None:
    """Refuse an image of more than `max_pixels` pixels."""
    width, height = size
    if width * height > max_pixels:
        raise InputTooLarge(
            f"the {kind} image has {width}×{height} pixels by its header; at most {max_pixels} "
            f"are taken: send a smaller one"
        )


def judge_effort(kind: str, image: ImageFile.ImageFile, data: bytes, max_pixels: int) -> None:
    """Refuse files whose decoding costs far more than their pixels."""
    if kind not in {"PPM", "BMP", "TIFF", "JPEG"}:
        return
    slow = {"ppm", "ppm_plain", "bmp_rle"}.intersection(tile.codec_name for tile in image.tile[:1])
    if slow and image.width * image.height > _PYTHON_PIXELS:
        raise InputTooLarge(
            f"this kind of {kind} (run-length, plain text or an unusual maximum) is read up to "
            f"{_PYTHON_PIXELS} pixels; it has {image.width}×{image.height}: send it as PNG"
        )
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tile_size = (image.tag_v2.get(322, 0), image.tag_v2.get(323, 0))
        judge("TIFF tile", tile_size, max(max_pixels, 1024 * 1024))
    if image.info.get("progressive") and data.count(b"\xff\xda") > _JPEG_SCANS:
        raise InvalidImage(f"the JPEG has more than {_JPEG_SCANS} scans: save it again")


def _check_gif(data: bytes, max_pixels: int) -> None:
    """Judge the canvas of a GIF and its first frame's extent, which widens the canvas."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    judge("GIF", (width, height), max_pixels)
    at = 13 + (3 << (flags & 7) + 1 if flags & 128 else 0)
    while data[at] != ord(","):
        if data[at] == ord("!"):
            at += 2
            while data[at]:
                at += data[at] + 1
        at += 1
    left, top, frame_width, frame_height = struct.unpack_from("<4H", data, at + 1)
    extent = (max(width, left + frame_width), max(height, top + frame_height))
    judge("GIF", extent, max_pixels)


def _check_webp(data: bytes, max_pixels: int) -> None:
    """Judge the canvas of a WebP: libwebp allocates it on opening."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
    elif chunk == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    judge("WebP", (width, height), max_pixels)


def _check_tiff(data: bytes, max_pixels: int) -> None:
    """Refuse a TIFF of more than `_TIFF_PARTS` strips or tiles before Pillow lists them."""
    order = "<" if data[:2] == b"II" else ">"
    if 43 in data[2:4]:
        start, count_format, entry_format = 8, "Q", "HHQQ"
    else:
        start, count_format, entry_format = 4, "H", "HHII"
    pointer = "Q" if count_format == "Q" else "I"
    (at,) = struct.unpack_from(order + pointer, data, start)
    (entries,) = struct.unpack_from(order + count_format, data, at)
    at += struct.calcsize(order + count_format)
    for index in range(min(entries, _TIFF_PARTS)):
        entry_at = at + index * struct.calcsize(order + entry_format)
        tag, _, count, _ = struct.unpack_from(order + entry_format, data, entry_at)
        if tag in {273, 324} and count > _TIFF_PARTS:  # StripOffsets, TileOffsets
            raise InputTooLarge(
                f"the TIFF has {count} strips or tiles; at most {_TIFF_PARTS} are read"
            )


def largest_icon(data: bytes) -> tuple[str, bytes]:
    """The image that Pillow takes of an icon file: its format and the bytes that hold it.

    Inside is a whole PNG, whose own header counts, or a bitmap, which Pillow decodes on opening.
    """
    entry = IcoImagePlugin.IcoFile(io.BytesIO(data)).entry[0]
    inside = data[entry.offset :]
    if inside.startswith(b"\x89PNG"):
        return "PNG", inside
    width, height = struct.unpack_from("<ii", inside, 4)
    judge("ICO", (width, abs(height) // 2), _PYTHON_PIXELS)
    return "ICO", data


_CHECKS: Final[dict[str, Callable[[bytes, int], None]]] = {
    "GIF": _check_gif,
    "WebP": _check_webp,
    "TIFF": _check_tiff,
}


def judge_unopened(kind: str, data: bytes, max_pixels: int) -> None:
    """Judge a file before Pillow opens it, where opening allocates."""
    if (check := _CHECKS.get(kind)) is not None:
        check(data, max_pixels)
