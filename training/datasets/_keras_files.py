"""The four arrays of Keras' small image sets: from a local `.npz`, else as Keras downloads them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.datasets import Dataset, Split
from training.errors import DatasetError
from training.settings import Settings

KEYS: Final = ("x_train", "y_train", "x_test", "y_test")

Arrays = list[NDArray[Any]]
"""x_train, y_train, x_test, y_test."""


def grey_images(name: str, labels: tuple[str, ...]) -> Dataset:
    """The set `name` of grey images of 28×28, to which it gives their one channel.

    Raises:
        DatasetError: the file is missing, broken, or does not hold the set's arrays.
    """
    x_train, y_train, x_test, y_test = arrays(name)
    train = Split(x_train[..., np.newaxis], y_train.astype(np.int64))
    test = Split(x_test[..., np.newaxis], y_test.astype(np.int64))
    return Dataset(train, test, labels=labels, image_shape=(28, 28, 1))


def arrays(name: str) -> Arrays:
    """Read `<name>.npz` from the setting DATASETS_DIR, else through Keras, which downloads it once.

    Raises:
        DatasetError: the file is missing, broken, or lacks an array; or the download failed.
    """
    folder = Settings().datasets_dir
    return download(name) if folder is None else read(folder / f"{name}.npz")


def read(path: Path, keys: tuple[str, ...] = KEYS) -> Arrays:
    """The arrays `keys` of an `.npz` file.

    Raises:
        DatasetError: the file is missing, broken, or lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return [file[key] for key in keys]
    except FileNotFoundError:
        raise DatasetError(
            f"{path} is not there: put {path.name} into the folder that DATASETS_DIR names, "
            "or leave DATASETS_DIR out and Keras downloads it"
        ) from None
    except KeyError as error:
        raise DatasetError(
            f"{path} lacks an array: {error.args[0]}; expected {', '.join(keys)}"
        ) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path} cannot be read: {error}; fetch it again") from error


def download(name: str) -> Arrays:
    """The arrays as `keras.datasets.<name>` loads them, which keeps them in ~/.keras/datasets.

    Raises:
        DatasetError: the download failed.
    """
    import keras  # noqa: PLC0415 — takes seconds, and only a download needs it

    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises plain exceptions for what the network does
        raise DatasetError(
            f"Keras could not download {name} ({error}): set DATASETS_DIR to a folder that holds "
            f"{name}.npz"
        ) from error
    return [x_train, y_train, x_test, y_test]
