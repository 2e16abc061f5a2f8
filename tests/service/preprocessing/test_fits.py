"""Fits: exact sizes, the right part of the image, one resampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from service.manifest import Fit, ImageInput
from service.preprocessing import fits
from service.preprocessing.image import fit

SIZES = [(1, 1), (1, 1000), (1000, 1), (2, 3), (7, 5), (640, 480), (33, 900), (900, 33)]


def _spec(fit: Fit, **fields: Any) -> ImageInput:
    return ImageInput(**{"height": 24, "width": 36, "channels": 3, "fit": fit, **fields})


def _image(size: tuple[int, int]) -> Image.Image:
    rng = np.random.default_rng(size[0])
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


@pytest.mark.parametrize("name", ["stretch", "pad", "center-crop", "resize-crop"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_size_comes_out_exact(name: Fit, size: tuple[int, int], channels: int) -> None:
    image = _image(size).convert("L" if channels == 1 else "RGB")

    pixels = fits.fit(image, _spec(name, channels=channels))

    assert pixels.shape == (24, 36, channels)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_plain_image_stays_plain(size: tuple[int, int]) -> None:
    plain = Image.new("RGB", size, (10, 200, 90))

    for name in ("stretch", "center-crop", "resize-crop"):
        assert (fits.fit(plain, _spec(name)) == (10, 200, 90)).all()


def test_stretch_is_pillows_resize() -> None:
    image = _image((50, 40))
    for resample in ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"):
        filter_ = Image.Resampling[resample.upper()]
        expected = np.asarray(image.resize((36, 24), filter_))
        assert np.array_equal(fits.fit(image, _spec("stretch", resample=resample)), expected)


def test_pad_keeps_the_aspect_and_centres() -> None:
    white = Image.new("L", (100, 50), 255)

    pixels = fits.fit(white, _spec("pad", channels=1, height=40, width=40, padding=7))

    assert (pixels[:10] == 7).all() and (pixels[30:] == 7).all()
    assert (pixels[10:30] == 255).all()


def test_pad_shows_something_of_a_thread() -> None:
    pixels = fits.fit(Image.new("L", (1, 1000), 255), _spec("pad", channels=1))

    assert np.count_nonzero(pixels) == 24  # one column


def test_center_crop_shows_the_middle() -> None:
    thirds = np.zeros((30, 90), np.uint8)
    thirds[:, 30:60] = 255  # the middle square is white

    pixels = fits.fit(
        Image.fromarray(thirds), _spec("center-crop", channels=1, height=10, width=10)
    )

    assert (pixels[:, 1:-1] == 255).all()


def test_center_crop_is_symmetric() -> None:
    image = _image((101, 64))
    spec = _spec("center-crop", height=31, width=31)

    there = fits.fit(image, spec)
    back = fits.fit(image.transpose(Image.Transpose.ROTATE_180), spec)

    assert np.abs(there.astype(int) - back[::-1, ::-1]).max() <= 1


@pytest.mark.parametrize(
    "size",
    [(225, 227), (640, 427), (333, 500), (431, 37), (37, 431), (1000, 700), (32, 33)],
    ids=str,
)
@pytest.mark.parametrize("resample", ["bicubic", "bilinear", "lanczos"])
def test_resize_crop_is_pillows_resize_and_then_a_cut(size: tuple[int, int], resample: Any) -> None:
    """As transformers' CLIPImageProcessor does: the shortest side to 32, the other rounded down."""
    image, shortest = _image(size), min(size)
    width, height = (int(32 * side / shortest) for side in size)
    left, top = (width - 32) // 2, (height - 32) // 2
    resized = image.resize((width, height), Image.Resampling[resample.upper()])
    expected = np.asarray(resized.crop((left, top, left + 32, top + 32))).astype(int)

    pixels = fits.fit(image, _spec("resize-crop", height=32, width=32, resample=resample))

    assert np.abs(pixels - expected).max() <= 1  # what Pillow rounds between its passes


def test_an_image_of_the_models_size_is_not_resampled() -> None:
    image = _image((36, 24))

    for name in ("stretch", "pad", "center-crop", "resize-crop"):
        spec = _spec(name, resample="lanczos")
        assert np.array_equal(fits.fit(image, spec), np.asarray(image))


def test_training_fits_arrays_by_the_same_functions() -> None:
    image = _image((50, 40))

    assert np.array_equal(
        fit(np.asarray(image), _spec("center-crop")),
        fits.fit(image, _spec("center-crop")),
    )


@pytest.mark.parametrize("name", ["stretch", "pad", "center-crop", "resize-crop"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_what_the_fit_needs_is_what_it_makes(name: Fit, size: tuple[int, int]) -> None:
    needed = fits.size_needed(size, _spec(name))

    assert needed is not None
    covers = needed[0] >= 72, needed[1] >= 48
    assert any(covers) if name == "pad" else all(covers)


def test_nearest_needs_the_whole_image() -> None:
    assert fits.size_needed((640, 480), _spec("stretch", resample="nearest")) is None
