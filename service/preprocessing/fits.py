"""Fits: an upright image of any size becomes the model's pixels, as the manifest names it.

Every fit resamples once, with the manifest's filter; Pillow widens the filter when it reduces, so
that each source pixel counts. Training fits with these same functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.manifest import Fit, ImageInput, Resample
from service.preprocessing.mnist import fit as mnist_fit

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


Box = tuple[float, float, float, float]
"""Left, top, right, bottom, pixels and parts of them."""


def stretch(image: Image.Image, spec: ImageInput, box: Box) -> NDArray[np.uint8]:
    """Resize to exactly the model's size; the aspect is given up."""
    return _pixels(_resized(image, (spec.width, spec.height), spec, box))


def pad(image: Image.Image, spec: ImageInput, box: Box) -> NDArray[np.uint8]:
    """Resize to fit inside the model's size, centred; the rest is `ImageInput.padding`."""
    width, height = _inside((box[2] - box[0], box[3] - box[1]), spec)
    inner = _resized(image, (width, height), spec, box)
    canvas = np.full((spec.height, spec.width, spec.channels), spec.padding, np.uint8)
    top, left = (spec.height - height) // 2, (spec.width - width) // 2
    canvas[top : top + height, left : left + width] = _pixels(inner)
    return canvas


def center_crop(image: Image.Image, spec: ImageInput, box: Box) -> NDArray[np.uint8]:
    """Cut the largest centred box of the model's aspect and resize it: one resampling.

    The box has parts of pixels, so that the image's middle is the middle of what comes out.
    """
    left, top, right, bottom = box
    scale = min((right - left) / spec.width, (bottom - top) / spec.height)
    down = max(0.0, (bottom - top - scale * spec.height) / 2)
    across = max(0.0, (right - left - scale * spec.width) / 2)
    cut = (left + across, top + down, right - across, bottom - down)
    return _pixels(_resized(image, (spec.width, spec.height), spec, cut))


def resize_crop(image: Image.Image, spec: ImageInput, box: Box) -> NDArray[np.uint8]:
    """Resize to cover, by whole pixels, and cut whole pixels off either side: one resampling.

    It is the resizing of the whole image, of which only what is kept is computed.
    """
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    if spec.width / width > spec.height / height:
        size = spec.width, max(spec.height, int(spec.width * height / width))
    else:
        size = max(spec.width, int(spec.height * width / height)), spec.height
    across, down = (size[0] - spec.width) // 2, (size[1] - spec.height) // 2
    cut = (
        left + across * width / size[0],
        top + down * height / size[1],
        min(right, left + (across + spec.width) * width / size[0]),
        min(bottom, top + (down + spec.height) * height / size[1]),
    )
    return _pixels(_resized(image, (spec.width, spec.height), spec, cut))


def mnist(image: Image.Image, spec: ImageInput, box: Box) -> NDArray[np.uint8]:
    """Fit the image to an MNIST digit (`service.preprocessing.mnist`); `resample` is not used."""
    return mnist_fit.fit(_pixels(image)[:, :, 0])[:, :, np.newaxis]


FITS: Final[dict[Fit, Callable[[Image.Image, ImageInput, Box], NDArray[np.uint8]]]] = {
    "stretch": stretch,
    "pad": pad,
    "center-crop": center_crop,
    "resize-crop": resize_crop,
    "mnist": mnist,
}
"""By the manifest's name: the box of an upright image of mode L (1 channel) or RGB (3) → uint8
(H, W, C). The box is the whole image, less the part of a pixel by which libjpeg rounds up.
"""


def fit(image: Image.Image, spec: ImageInput) -> NDArray[np.uint8]:
    """The whole of an upright image, fitted as the manifest names it: uint8 (H, W, C)."""
    return FITS[spec.fit](image, spec, (0, 0, image.width, image.height))


def size_needed(size: tuple[int, int], spec: ImageInput) -> tuple[int, int] | None:
    """The least (width, height) of an image of `size` from which the fit loses nothing visible.

    Twice what comes out: nearer to it, libjpeg's coarser filter would show beside the manifest's.
    None where a smaller decoding is not the same image: `nearest` picks single pixels.
    """
    width, height = size
    if spec.fit != "mnist" and spec.resample == "nearest":
        return None
    if spec.fit == "stretch":
        return 2 * spec.width, 2 * spec.height
    if spec.fit == "mnist":
        scale = _INK_SIDE / min(width, height)
    elif spec.fit == "pad":
        scale = 2 * min(spec.width / width, spec.height / height)
    else:
        scale = 2 * max(spec.width / width, spec.height / height)
    return max(1, math.ceil(width * scale)), max(1, math.ceil(height * scale))


def _inside(size: tuple[float, float], spec: ImageInput) -> tuple[int, int]:
    """The largest (width, height) of the aspect of `size` inside the model's, at least 1×1."""
    scale = min(spec.width / size[0], spec.height / size[1])
    width = min(spec.width, max(1, round(size[0] * scale)))
    height = min(spec.height, max(1, round(size[1] * scale)))
    return width, height


def _resized(image: Image.Image, size: tuple[int, int], spec: ImageInput, box: Box) -> Image.Image:
    whole = (0.0, 0.0, float(size[0]), float(size[1]))
    if image.size == size and box == whole:
        return image
    return image.resize(size, _FILTERS[spec.resample], box=box)


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """The image's own bytes, uint8 (H, W, C): mode L has one channel, RGB three."""
    channels = 1 if image.mode == "L" else 3
    flat = np.frombuffer(image.tobytes(), np.uint8)
    return flat.reshape(image.height, image.width, channels)
