"""The first 32 test images of MNIST as PNG files, and `labels.npy`, as the lecture notes save them.

They are samples of a data set: what this writes stays out of git.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from training.datasets import mnist

COUNT: Final = 32
"""A batch of the notes (§3.2)."""


def draw(folder: Path) -> tuple[Path, ...]:
    """Write `test-images/image_0.png` to `image_31.png` and `test-images/labels.npy`.

    The images are 28×28 in grey, 0–255; the labels int64 (32,).

    Raises:
        DatasetError: MNIST is missing.
    """
    test = mnist.load().test
    target = folder / "test-images"
    target.mkdir(exist_ok=True)
    np.save(target / "labels.npy", test.labels[:COUNT])
    for index, image in enumerate(test.images[:COUNT]):
        Image.fromarray(image[..., 0]).save(target / f"image_{index}.png")
    return (target,)
