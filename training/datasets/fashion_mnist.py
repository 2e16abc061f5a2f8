"""Fashion-MNIST: 60,000 + 10,000 pictures of clothes in ten classes, 28×28×1, light on black.

Xiao, Rasul and Vollgraf, 2017 (arXiv:1708.07747), from Zalando's articles. MIT licence, © 2017
Zalando SE. Made to take MNIST's place where that has become too easy.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from training.datasets import Dataset, Split, _keras_files

LABELS: Final = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def load() -> Dataset:
    """Read `fashion_mnist.npz` from the setting DATASETS_DIR, else through Keras' download.

    Raises:
        DatasetError: the file is missing, broken, or does not hold Fashion-MNIST's arrays.
    """
    x_train, y_train, x_test, y_test = _keras_files.arrays("fashion_mnist")
    train = Split(x_train[..., np.newaxis], y_train.astype(np.int64))
    test = Split(x_test[..., np.newaxis], y_test.astype(np.int64))
    return Dataset(train, test, labels=LABELS, image_shape=(28, 28, 1))
