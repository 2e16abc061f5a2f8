"""What convolutions, poolings and unpoolings do to a drawn image.

Above: products with small kernels, by `training.layers._convolution`, grey for 0. Below: a pooling
of 4×4 pixels, and three ways back to the old size.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from keras import ops
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.analysis.plots import STYLE
from training.illustrations.augmentation import boat
from training.layers._convolution import convolve
from training.layers.average_pooling_2d import AveragePooling2D
from training.layers.max_pooling_2d import MaxPooling2D
from training.layers.max_unpooling_2d import MaxUnpooling2D
from training.layers.nearest_unpooling_2d import NearestUnpooling2D

KERNELS: Final[Mapping[str, list[list[float]]]] = {
    "left to right\n(Sobel)": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "top to bottom\n(Sobel)": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "all edges\n(Laplace)": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "blur\n(mean of 7×7)": [[1 / 49] * 7] * 7,
}
POOL: Final = 4

Images = NDArray[np.float32]
"""(1, H, W, 1), 0–1 before a product."""


def draw(folder: Path) -> Path:
    """Write `convolution.png` into a folder."""
    path = folder / "convolution.png"
    grey = boat().mean(axis=-1, dtype=np.float32)[np.newaxis, :, :, np.newaxis] / 255
    rows = {"image": grey, **products(grey)}, pooled(grey)
    with mpl.rc_context({**STYLE, "axes.grid": False, "axes.titlelocation": "center"}):
        figure = Figure(figsize=(9.5, 4.9))
        for axes, images in zip(figure.subplots(2, 5), rows, strict=True):
            for each, (title, image) in zip(axes, images.items(), strict=True):
                low = -1 if image.min() < 0 else 0  # what can be negative is grey at 0
                each.imshow(image[0, :, :, 0], cmap="gray", vmin=low, vmax=1)
                each.set_title(title, size=10, weight="normal")
                each.set_xticks([])
                each.set_yticks([])
        figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return path


def products(grey: Images) -> dict[str, Images]:
    """The image's product with each kernel, of the image's size, by title."""
    return {
        title: np.asarray(convolve(grey, _kernel(values), padding="same"))
        for title, values in KERNELS.items()
    }


def pooled(grey: Images) -> dict[str, Images]:
    """The image pooled and unpooled, by title."""
    largest, positions = MaxPooling2D(POOL, return_positions=True)(ops.convert_to_tensor(grey))
    mean = AveragePooling2D(POOL)(grey)
    results = {
        "max pooling\n4×4": largest,
        "average pooling\n4×4": mean,
        "max, nearest\nunpooling": NearestUnpooling2D(POOL)(largest),
        "average, nearest\nunpooling": NearestUnpooling2D(POOL)(mean),
        "max, max\nunpooling": MaxUnpooling2D(POOL)(largest, positions),
    }
    return {title: np.asarray(result) for title, result in results.items()}


def _kernel(values: list[list[float]]) -> NDArray[np.float32]:
    """(h, w) as (h, w, 1, 1)."""
    return np.array(values, np.float32)[:, :, np.newaxis, np.newaxis]
