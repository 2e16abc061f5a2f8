"""MNIST: 60,000 + 10,000 handwritten digits, 28×28×1, light ink on black.

LeCun, Cortes and Burges, 1998; from NIST Special Databases 1 and 3. Each digit was scaled into
20×20 pixels keeping its aspect, and centred by mass in 28×28. Distributed as CC BY-SA 3.0.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from training.datasets import Dataset, Split, _keras_files

LABELS: Final = tuple("0123456789")


def load() -> Dataset:
    """Read `mnist.npz` from the setting DATASETS_DIR, else through Keras, which downloads it once.

    Raises:
        DatasetError: the file is missing, broken, or does not hold MNIST's arrays.
    """
    x_train, y_train, x_test, y_test = _keras_files.arrays("mnist")
    train = Split(x_train[..., np.newaxis], y_train.astype(np.int64))
    test = Split(x_test[..., np.newaxis], y_test.astype(np.int64))
    return Dataset(train, test, labels=LABELS, image_shape=(28, 28, 1))
