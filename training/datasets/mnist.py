"""MNIST: 60,000 + 10,000 handwritten digits, 28×28×1, light ink on black.

LeCun, Cortes and Burges, 1998; from NIST Special Databases 1 and 3. Each digit was scaled into
20×20 pixels keeping its aspect, and centred by mass in 28×28. Distributed as CC BY-SA 3.0.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.datasets import Dataset, Split
from training.errors import DatasetError
from training.settings import Settings

LABELS: Final = tuple("0123456789")
KEYS: Final = ("x_train", "y_train", "x_test", "y_test")


def load() -> Dataset:
    """Read `mnist.npz` from the setting DATASETS_DIR, else through Keras, which downloads it once.

    Raises:
        DatasetError: the file is missing, broken, or does not hold MNIST's arrays.
    """
    folder = Settings().datasets_dir
    arrays = _from_keras() if folder is None else _from_file(folder / "mnist.npz")
    x_train, y_train, x_test, y_test = arrays
    train = Split(x_train[..., np.newaxis], y_train.astype(np.int64))
    test = Split(x_test[..., np.newaxis], y_test.astype(np.int64))
    return Dataset(train, test, labels=LABELS, image_shape=(28, 28, 1))


def _from_file(path: Path) -> list[NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return [arrays[key] for key in KEYS]
    except FileNotFoundError:
        raise DatasetError(
            f"{path} is not there: put mnist.npz into the folder that DATASETS_DIR names, "
            "or leave DATASETS_DIR out and Keras downloads it"
        ) from None
    except KeyError as error:
        raise DatasetError(
            f"{path} lacks an array: {error.args[0]}; expected {', '.join(KEYS)}"
        ) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path} cannot be read: {error}; fetch it again") from error


def _from_keras() -> list[NDArray[Any]]:
    import keras  # noqa: PLC0415 — takes seconds, and only a download needs it

    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    except Exception as error:  # Keras raises plain exceptions for what the network does
        raise DatasetError(
            f"Keras could not download MNIST ({error}): set DATASETS_DIR to a folder that holds "
            "mnist.npz"
        ) from error
    return [x_train, y_train, x_test, y_test]
