"""Fashion-MNIST is read from DATASETS_DIR, its classes in the order of its labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import SHARED
from tests.training.conftest import write_digits
from training.datasets import fashion_mnist
from training.errors import DatasetError


def test_the_arrays_come_as_images_with_a_channel(datasets_dir: Path) -> None:
    write_digits(datasets_dir / "fashion_mnist.npz")
    dataset = fashion_mnist.load()
    assert dataset.train.images.shape == (96, 28, 28, 1)
    assert dataset.test.labels.dtype == np.int64
    assert dataset.image_shape == (28, 28, 1)


def test_a_missing_file_says_where_it_was_looked_for(datasets_dir: Path) -> None:
    with pytest.raises(DatasetError, match=r"fashion_mnist\.npz is not there: put .* DATASETS_DIR"):
        fashion_mnist.load()


def test_the_real_set_has_its_known_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = SHARED / "data"
    if not (folder / "fashion_mnist.npz").exists():
        pytest.skip("the real fashion_mnist.npz is not at hand")
    monkeypatch.setenv("DATASETS_DIR", str(folder))
    dataset = fashion_mnist.load()
    assert (len(dataset.train), len(dataset.test)) == (60_000, 10_000)
    first = [dataset.labels[index] for index in dataset.train.labels[:3]]
    assert first == ["Ankle boot", "T-shirt/top", "T-shirt/top"]
    assert dataset.train.images.mean() == pytest.approx(72.9404, abs=1e-3)
