"""Fashion-MNIST: 60,000 + 10,000 images of clothes in ten classes, 28×28×1, light on black.

Xiao, Rasul and Vollgraf, 2017 (arXiv:1708.07747), from Zalando's articles. MIT licence, © 2017
Zalando SE. Made to take MNIST's place where that has become too easy.
"""

from __future__ import annotations

from typing import Final

from training.datasets import Dataset, _keras_files

LABELS: Final = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def load() -> Dataset:
    """Read `fashion_mnist.npz` from the setting DATASETS_DIR, else through Keras' download.

    Raises:
        DatasetError: the file is missing, broken, or does not hold Fashion-MNIST's arrays.
    """
    return _keras_files.grey_images("fashion_mnist", LABELS)
