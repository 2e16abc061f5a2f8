"""Image files of every mode, orientation and kind: upright pixels, or a refusal that helps."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, ImageOps, features

from service.errors import InvalidImage, RequestError, UnsupportedType
from service.manifest import ImageInput
from service.preprocessing.image import FORMATS, EncodedImage

Pixels = NDArray[np.uint8]
LIMIT = 1_000_000
KINDS = ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "ICO", "PPM"]


def file(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decode(data: bytes, channels: Literal[1, 3] = 3, size: tuple[int, int] | None = None) -> Pixels:
    """The pixels at the file's own size, or another (width, height)."""
    image = EncodedImage.open(data, max_pixels=LIMIT)
    width, height = size or (image.width, image.height)
    return image.decode(ImageInput(height=height, width=width, channels=channels))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *more: bytes) -> bytes:
    """A PNG made by hand: any depth, any chunks before the pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + pixels


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """64×48 RGB, smooth, every quarter another colour."""
    small = np.array(
        [
            [[200, 40, 30], [30, 180, 60], [240, 240, 90]],
            [[20, 40, 200], [120, 120, 120], [5, 5, 5]],
        ],
        np.uint8,
    )
    return Image.fromarray(small).resize((64, 48), Image.Resampling.BICUBIC)


# --- modes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
@pytest.mark.parametrize("channels", [1, 3])
def test_plain_modes_are_pillows_own_conversion(
    photo: Image.Image, mode: str, channels: Literal[1, 3]
) -> None:
    stored = photo.convert(mode)
    expected = np.asarray(stored.convert("L" if channels == 1 else "RGB"))

    pixels = decode(file(stored), channels)

    assert np.array_equal(pixels if channels == 3 else pixels[:, :, 0], expected)
    assert pixels.flags.c_contiguous


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB"])
def test_print_and_video_modes(photo: Image.Image, mode: str) -> None:
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        stored = ImageCms.profileToProfile(photo, srgb, lab, outputMode="LAB")
        assert stored is not None
    else:
        stored = photo.convert(mode)

    kind = "TIFF" if mode != "YCbCr" else "JPEG"
    pixels = decode(file(stored, kind, **({"quality": 95} if kind == "JPEG" else {})))

    assert np.abs(pixels.astype(int) - np.asarray(photo)).mean() < 6


def test_a_cmyk_jpeg_as_adobe_inverts_it(photo: Image.Image) -> None:
    pixels = decode(file(photo.convert("CMYK"), "JPEG", quality=95))

    assert np.abs(pixels.astype(int) - np.asarray(photo)).mean() < 6


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_keep_their_top_byte(kind: str) -> None:
    values = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)

    pixels = decode(file(Image.fromarray(values), kind), channels=1)

    assert np.array_equal(pixels[:, :, 0], values >> 8)


def test_16_bits_of_a_ppm() -> None:
    values = np.linspace(0, 65535, 64).astype(">u2")

    pixels = decode(b"P5 8 8 65535\n" + values.tobytes(), channels=1)

    assert np.abs(pixels.ravel().astype(int) - (values >> 8)).max() <= 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 0.5, 1], np.float32), [0, 128, 255]),
        (np.array([0, 100, 255], np.float32), [0, 100, 255]),
        (np.array([-1, 0, 1], np.float32), [0, 128, 255]),
        (np.array([0, np.nan, 1], np.float32), [0, 0, 255]),
        (np.array([0, 1000, 65535], np.int32), [0, 4, 255]),
        (np.array([0, 1 << 29, 1 << 30], np.int32), [0, 128, 255]),
    ],
    ids=["fractions", "bytes", "signed", "not a number", "16 bits", "32 bits"],
)
def test_wide_values_are_scaled(values: NDArray[Any], expected: list[int]) -> None:
    pixels = decode(file(Image.fromarray(values[None]), "TIFF"), channels=1)

    assert np.abs(pixels.ravel().astype(int) - expected).max() <= 1


# --- transparency --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_composited_onto_white(photo: Image.Image, mode: str) -> None:
    stored = photo.convert(mode)
    stored.putalpha(Image.linear_gradient("L").resize(photo.size))
    white = Image.new("RGBA", photo.size, "white")
    expected = Image.alpha_composite(white, stored.convert("RGBA")).convert("RGB")

    pixels = decode(file(stored))

    assert np.abs(pixels.astype(int) - np.asarray(expected)).max() <= 1


def test_a_transparent_palette_entry_is_white() -> None:
    stored = Image.new("P", (4, 4), 1)
    stored.putpalette([0, 0, 0, 200, 30, 30])
    stored.putpixel((0, 0), 0)
    for kind in ("PNG", "GIF"):
        pixels = decode(file(stored, kind, transparency=0))
        assert pixels[0, 0].tolist() == [255, 255, 255]
        assert pixels[3, 3].tolist() == [200, 30, 30]


def test_a_palette_with_an_alpha_each() -> None:
    stored = Image.new("P", (2, 1))
    stored.putpalette([0, 0, 0, 0, 0, 0])
    stored.putpixel((1, 0), 1)

    pixels = decode(file(stored, transparency=bytes([128, 255])), channels=1)

    assert pixels.ravel().tolist() == [127, 0]


@pytest.mark.parametrize(
    ("depth", "colour", "row", "key", "expected"),
    [
        (8, 0, bytes([7, 9]), (7,), [255, 9]),
        (2, 0, bytes([0b01_10_0000]), (1,), [255, 170]),
        (1, 0, bytes([0b0100_0000]), (0,), [255, 255]),
        (16, 0, bytes([0, 7, 64, 0]), (7,), [255, 64]),
        (8, 2, bytes([7, 7, 7, 9, 9, 9]), (7, 7, 7), [255, 9]),
        (16, 2, bytes([7, 1] * 3 + [9, 1] * 3), (0x701,) * 3, [255, 9]),
    ],
    ids=["grey", "grey 2 bits", "grey 1 bit", "grey 16 bits", "RGB", "RGB 16 bits"],
)
def test_a_pngs_colour_key_is_white(
    depth: int, colour: int, row: bytes, key: tuple[int, ...], expected: list[int]
) -> None:
    transparent = chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))
    data = png(2, 1, depth, colour, b"\0" + row, transparent)

    assert decode(data, 1)[0, :, 0].tolist() == expected
    assert decode(data, 3)[0, :, 0].tolist() == expected


# --- orientation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(photo: Image.Image, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}
    data = file(photo, kind, exif=exif, **options.get(kind, {}))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))

    pixels = decode(data, size=upright.size)

    assert np.array_equal(pixels, np.asarray(upright))


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\x7f", b""])
def test_broken_metadata_does_not_lose_the_pixels(photo: Image.Image, exif: bytes) -> None:
    plain = file(photo, "JPEG")
    broken = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]

    assert np.array_equal(decode(broken), decode(plain))


# --- animations, drafts, repeats -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_the_first_frame_counts(kind: str) -> None:
    frames = [Image.new("RGB", (16, 12), colour) for colour in ("red", "lime", "blue")]

    pixels = decode(file(frames[0], kind, save_all=True, append_images=frames[1:]))

    assert np.abs(pixels.astype(int) - [255, 0, 0]).max() < 8


@pytest.mark.parametrize("fit", ["stretch", "pad", "center-crop", "resize-crop"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_decoded_small_is_the_same_image(fit: Any, orientation: int) -> None:
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    jpeg = file(small.resize((1003, 701), Image.Resampling.BICUBIC), "JPEG", quality=92, exif=exif)
    decoded = ImageOps.exif_transpose(Image.open(io.BytesIO(jpeg)))
    spec = ImageInput(height=60, width=80, channels=3, fit=fit)

    there = EncodedImage.open(jpeg, max_pixels=LIMIT).decode(spec).astype(int)
    full = EncodedImage.open(file(decoded), max_pixels=LIMIT).decode(spec)

    assert np.abs(there - full).mean() < 1


def test_an_image_may_be_decoded_again(photo: Image.Image) -> None:
    image = EncodedImage.open(file(photo, "JPEG"), max_pixels=LIMIT)
    spec = ImageInput(height=7, width=9, channels=1)

    assert np.array_equal(image.decode(spec), image.decode(spec))
    assert (image.width, image.height, image.pixels) == (64, 48, 64 * 48)


def test_many_threads_decode_at_once(photo: Image.Image) -> None:
    data = [file(photo, kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")] * 40
    expected = [decode(each) for each in data[:6]]

    with ThreadPoolExecutor(8) as threads:
        for index, pixels in enumerate(threads.map(decode, data)):
            assert np.array_equal(pixels, expected[index % 6])


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "ICO", "PPM", "AVIF"]
)
def test_every_format_on_the_list_is_read(photo: Image.Image, kind: str) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    options = {"sizes": [(64, 48)]} if kind == "ICO" else {}
    data = file(photo, kind, **options)

    assert kind.lower() in {name.lower() for name in FORMATS}
    pixels = decode(data, size=(64, 48))
    assert np.abs(pixels.astype(int) - np.asarray(photo)).mean() < 12


@pytest.mark.parametrize("kind", ["EPS", "PDF", "JPEG2000"])
def test_other_formats_are_refused_by_name(photo: Image.Image, kind: str) -> None:
    with pytest.raises(UnsupportedType, match="PNG, JPEG, GIF"):
        EncodedImage.open(file(photo, kind), max_pixels=LIMIT)


@pytest.mark.parametrize("data", [b"", b"no image", b"\0" * 4096, b"<html>", b"\x89PNG"])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidImage):
        EncodedImage.open(data, max_pixels=LIMIT)


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_file_is_refused_wherever_it_ends(photo: Image.Image, kind: str) -> None:
    data = file(photo, kind)
    for share in (0.02, 0.1, 0.5, 0.9):
        with pytest.raises(RequestError):
            decode(data[: int(len(data) * share)], size=(8, 8))


def test_a_jpeg_without_a_scan_is_refused(photo: Image.Image) -> None:
    data = file(photo, "JPEG")

    with pytest.raises(InvalidImage):
        decode(data[: data.index(b"\xff\xda")] + b"\xff\xd9", size=(8, 8))


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bytes_never_raise_anything_else(photo: Image.Image, kind: str) -> None:
    data = file(photo, kind)
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(data)
        for at in rng.integers(len(data), size=rng.integers(1, 8)):
            damaged[at] = rng.integers(256)
        with contextlib.suppress(RequestError):
            decode(bytes(damaged), size=(8, 8))


def test_pillow_is_left_as_it_was() -> None:
    assert Image.MAX_IMAGE_PIXELS == 89_478_485
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
