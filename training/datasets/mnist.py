"""MNIST: 60,000 + 10,000 handwritten digits, 28×28×1, light ink on black.

LeCun, Cortes and Burges, 1998; from NIST Special Databases 1 and 3. Each digit was scaled into
20×20 pixels keeping its aspect, and centred by mass in 28×28. Distributed as CC BY-SA 3.0.
"""

from __future__ import annotations

from typing import Final

from training.datasets import Dataset, _keras_files

LABELS: Final = tuple("0123456789")


def load() -> Dataset:
    """Read `mnist.npz` from the setting DATASETS_DIR, else through Keras, which downloads it once.

    Raises:
        DatasetError: the file is missing, broken, or does not hold MNIST's arrays.
    """
    return _keras_files.grey_images("mnist", LABELS)
