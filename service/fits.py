"""Fits: an upright picture of any size becomes the model's pixels, as the manifest names it.

Every fit resamples once, with the manifest's filter; Pillow widens the filter when it reduces, so
that each source pixel counts. Training fits with these same functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service import ink
from service.manifest import Fit, ImageInput, Resample

_FILTERS: Final[dict[Resample, Image.Resampling]] = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

_INK_SIDE: Final = 400
"""Pixels of the shorter side that the fit `mnist` keeps of a JPEG: a thin stroke must stay ink."""


def stretch(picture: Image.Image, spec: ImageInput) -> NDArray[np.uint8]:
    """Resize to exactly the model's size; the aspect is given up."""
    size = (spec.width, spec.height)
    if picture.size == size:
        return _pixels(picture)
    return _pixels(picture.resize(size, _FILTERS[spec.resample]))


def pad(picture: Image.Image, spec: ImageInput) -> NDArray[np.uint8]:
    """Resize to fit inside the model's size, centred; the rest is `ImageInput.padding`."""
    width, height = _inside(picture.size, spec)
    inner = picture
    if picture.size != (width, height):
        inner = picture.resize((width, height), _FILTERS[spec.resample])
    shape = (spec.height, spec.width, spec.channels)
    canvas = np.full(shape, spec.padding, np.uint8)
    top, left = (spec.height - height) // 2, (spec.width - width) // 2
    canvas[top : top + height, left : left + width] = _pixels(inner)
    return canvas


def center_crop(picture: Image.Image, spec: ImageInput) -> NDArray[np.uint8]:
    """Cut the largest centred box of the model's aspect and resize it: one resampling.

    The box has fractions of pixels, so that the picture's middle is the middle of what comes out.
    """
    width, height = picture.size
    scale = min(width / spec.width, height / spec.height)
    box_width, box_height = min(scale * spec.width, width), min(scale * spec.height, height)
    left, top = (width - box_width) / 2, (height - box_height) / 2
    box = (left, top, left + box_width, top + box_height)
    size = (spec.width, spec.height)
    if picture.size == size:
        return _pixels(picture)
    return _pixels(picture.resize(size, _FILTERS[spec.resample], box=box))


def mnist(picture: Image.Image, spec: ImageInput) -> NDArray[np.uint8]:
    """Make the picture a digit of MNIST's: `service.ink`. The filter is the fit's own."""
    return ink.fit(_pixels(picture)[:, :, 0])[:, :, np.newaxis]


FITS: Final[dict[Fit, Callable[[Image.Image, ImageInput], NDArray[np.uint8]]]] = {
    "stretch": stretch,
    "pad": pad,
    "center-crop": center_crop,
    "mnist": mnist,
}
"""By the manifest's name: an upright picture of mode L (1 channel) or RGB (3) → uint8 (H, W, C)."""


def size_needed(size: tuple[int, int], spec: ImageInput) -> tuple[int, int] | None:
    """The least (width, height) of a picture of `size` from which the fit loses nothing.

    None where a smaller decoding is not the same picture: `nearest` picks single pixels.
    """
    width, height = size
    if spec.fit == "mnist":
        scale = _INK_SIDE / min(width, height)
        return max(1, round(width * scale)), max(1, round(height * scale))
    if spec.resample == "nearest":
        return None
    if spec.fit == "pad":
        return _inside(size, spec)
    if spec.fit == "center-crop":
        scale = max(spec.width / width, spec.height / height)
        return max(1, round(width * scale)), max(1, round(height * scale))
    return spec.width, spec.height


def _inside(size: tuple[int, int], spec: ImageInput) -> tuple[int, int]:
    """The largest (width, height) of the aspect of `size` inside the model's, at least 1×1."""
    scale = min(spec.width / size[0], spec.height / size[1])
    width = min(spec.width, max(1, round(size[0] * scale)))
    height = min(spec.height, max(1, round(size[1] * scale)))
    return width, height


def _pixels(picture: Image.Image) -> NDArray[np.uint8]:
    """The picture's own bytes, uint8 (H, W, C): mode L has one channel, RGB three."""
    channels = 1 if picture.mode == "L" else 3
    flat = np.frombuffer(picture.tobytes(), np.uint8)
    return flat.reshape(picture.height, picture.width, channels)
