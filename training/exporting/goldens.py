"""Inputs for goldens: images made for the purpose, or read from a folder of examples.

Made ones are digits in a typeface, gradients, noise and shapes: together they drive a model's
every filter, and none is a sample of a data set.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from service.errors import ServiceError
from service.manifest import ImageInput
from service.preprocessing.image import EncodedImage
from training.errors import ExportError

MOST_EXAMPLES: Final = 16
MOST_PIXELS: Final = 200_000_000
"""Pixels of one example; the person at the keyboard chose it, so it may be large."""
SUFFIXES: Final = frozenset(
    {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".ppm", ".pgm"}
)


def made(height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """Images of any size, the same every time: uint8 (N, H, W, C), 8 or, with digits, 16."""
    random = np.random.default_rng(1998)
    general = [
        *_gradients(height, width),
        *(_noise(random, height, width, cells) for cells in (4, max(height, width))),
        *_shapes(height, width),
    ]
    greys = [*_digits(), *general[2:]] if (height, width, channels) == (28, 28, 1) else general
    if channels == 1:
        return np.stack(greys)[..., np.newaxis]
    turned = [np.stack([grey, grey[::-1], grey[:, ::-1]], axis=-1) for grey in greys]
    return np.stack(turned)


def read(folder: Path, image: ImageInput) -> NDArray[np.uint8]:
    """Examples from a folder and the folders in it, as the service would read them.

    Returns:
        uint8 (N, H, W, C), the first 16 images by name.

    Raises:
        ExportError: there is no folder, no image in it, or one that cannot be read.
    """
    if not folder.is_dir():
        raise ExportError(f"{folder} is no folder: --examples names a folder with images")
    files = sorted(
        file for file in folder.rglob("*") if file.is_file() and file.suffix.lower() in SUFFIXES
    )[:MOST_EXAMPLES]
    if not files:
        raise ExportError(
            f"{folder} holds no images ({', '.join(sorted(SUFFIXES))}): put a few into it, "
            "or leave --examples out"
        )
    return np.stack([_decode(file, image) for file in files])


def _decode(file: Path, image: ImageInput) -> NDArray[np.uint8]:
    try:
        return EncodedImage.open(file.read_bytes(), max_pixels=MOST_PIXELS).decode(image)
    except (ServiceError, OSError) as error:
        raise ExportError(f"the example {file} cannot be read: {error}") from error


def _digits() -> list[NDArray[np.uint8]]:
    """The ten digits, light on black in 28×28, in matplotlib's own typefaces."""
    fonts = Path(mpl.get_data_path()) / "fonts" / "ttf"
    drawn = []
    for digit in range(10):
        face = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")[digit % 3]
        canvas = Image.new("L", (28, 28), 0)
        font = ImageFont.truetype(str(fonts / face), 24)
        ImageDraw.Draw(canvas).text((14, 14), str(digit), fill=255, font=font, anchor="mm")
        drawn.append(np.asarray(canvas))
    return drawn


def _gradients(height: int, width: int) -> list[NDArray[np.uint8]]:
    down = np.linspace(0, 255, height)[:, np.newaxis]
    right = np.linspace(0, 255, width)[np.newaxis]
    return [(down + 0 * right).astype(np.uint8), ((down + right) / 2).astype(np.uint8)]


def _noise(random: np.random.Generator, height: int, width: int, cells: int) -> NDArray[np.uint8]:
    """Random grey squares, `cells` of them along the longer side."""
    small = random.integers(0, 256, (cells, cells), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.NEAREST))


def _shapes(height: int, width: int) -> list[NDArray[np.uint8]]:
    """A disc, a bar, a frame and a cross of soft greys, each on another ground."""
    images = []
    box = (0.2 * width, 0.2 * height, 0.8 * width, 0.8 * height)
    stroke = max(1, min(height, width) // 10)
    for index, ground in enumerate((0, 60, 200, 255)):
        canvas = Image.new("L", (width, height), ground)
        draw = ImageDraw.Draw(canvas)
        ink = 255 - ground
        if index == 0:
            draw.ellipse(box, fill=ink)
        elif index == 1:
            draw.rectangle((0.4 * width, 0.1 * height, 0.6 * width, 0.9 * height), fill=ink)
        elif index == 2:
            draw.rectangle(box, outline=ink, width=stroke)
        else:
            draw.line((0, 0, width, height), fill=ink, width=stroke)
            draw.line((0, height, width, 0), fill=ink, width=stroke)
        images.append(np.asarray(canvas))
    return images
