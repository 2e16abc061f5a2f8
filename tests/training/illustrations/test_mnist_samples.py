"""The notes' 32 test images are saved as they are in the data set, with their labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from training.datasets import mnist
from training.illustrations import mnist_samples


def test_images_and_labels_are_the_first_of_the_test_set(
    tmp_path: Path, datasets_dir: Path
) -> None:
    (folder,) = mnist_samples.draw(tmp_path)
    test = mnist.load().test
    assert len(list(folder.glob("*.png"))) == 32
    assert np.array_equal(np.load(folder / "labels.npy"), test.labels[:32])
    for index in (0, 31):
        with Image.open(folder / f"image_{index}.png") as image:
            assert np.array_equal(np.asarray(image), test.images[index, :, :, 0])
