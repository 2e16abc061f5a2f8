"""CIFAR-10: 50,000 + 10,000 colour photographs in ten classes, 32×32×3.

Krizhevsky, 2009, "Learning Multiple Layers of Features from Tiny Images". The authors ask for that
citation and state no licence; the images were collected from the web.

A local folder may hold either `cifar10.npz` with Keras' four arrays, or `cifar10_webp.npz`: strips
of 500 images one below the other as lossless WebP, which is half as large.
"""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from training.datasets import Dataset, Split, _keras_files
from training.errors import DatasetError
from training.settings import Settings

LABELS: Final = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
STRIPS: Final = "cifar10_webp.npz"
STRIP_KEYS: Final = (
    *("train_strips", "train_offsets", "y_train"),
    *("test_strips", "test_offsets", "y_test"),
)


def load() -> Dataset:
    """Read CIFAR-10 from the setting DATASETS_DIR, else through Keras, which downloads it once.

    Raises:
        DatasetError: the file is missing, broken, or does not hold CIFAR-10's arrays.
    """
    folder = Settings().datasets_dir
    if folder is not None and (folder / STRIPS).exists():
        x_train, y_train, x_test, y_test = _from_strips(folder / STRIPS)
    else:
        x_train, y_train, x_test, y_test = _keras_files.arrays("cifar10")
    train = Split(x_train, y_train.reshape(-1).astype(np.int64))  # Keras' labels are (N, 1)
    test = Split(x_test, y_test.reshape(-1).astype(np.int64))
    return Dataset(train, test, labels=LABELS, image_shape=(32, 32, 3))


def _from_strips(path: Path) -> list[NDArray[Any]]:
    strips, offsets, y_train, *test = _keras_files.read(path, STRIP_KEYS)
    test_strips, test_offsets, y_test = test
    try:
        return [_unroll(strips, offsets), y_train, _unroll(test_strips, test_offsets), y_test]
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be decoded: {error}; fetch it again") from error


def _unroll(strips: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint8]:
    """WebP files one after another → uint8 (N, 32, 32, 3)."""
    files = (strips[start:end].tobytes() for start, end in pairwise(offsets))
    images = (np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in files)
    return np.concatenate([image.reshape(-1, 32, 32, 3) for image in images])
