"""CIFAR-10 is read as Keras' arrays or as strips of WebP, and gives the same either way."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests import SHARED
from training.datasets import cifar10
from training.errors import DatasetError


@pytest.fixture
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), dtype=np.uint8)


def _strips(images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    files = []
    for strip in np.split(images, 2):
        file = io.BytesIO()
        Image.fromarray(strip.reshape(-1, 32, 3)).save(file, "WEBP", lossless=True)
        files.append(file.getvalue())
    offsets = np.cumsum([0, *map(len, files)])
    return np.frombuffer(b"".join(files), np.uint8), offsets


def _write_strips(path: Path, images: NDArray[np.uint8]) -> None:
    strips, offsets = _strips(images)
    labels = np.arange(len(images), dtype=np.uint8) % 10
    train = {"train_strips": strips, "train_offsets": offsets, "y_train": labels}
    test = {"test_strips": strips, "test_offsets": offsets, "y_test": labels}
    np.savez(path, **train, **test)  # type: ignore[arg-type] # its stub wants no names


def test_strips_give_the_images_pixel_by_pixel(
    datasets_dir: Path, images: NDArray[np.uint8]
) -> None:
    _write_strips(datasets_dir / "cifar10_webp.npz", images)
    dataset = cifar10.load()
    assert np.array_equal(dataset.train.images, images)
    assert np.array_equal(dataset.test.images, images)
    assert dataset.train.labels.tolist() == [index % 10 for index in range(30)]


def test_keras_own_arrays_give_flat_labels(datasets_dir: Path, images: NDArray[np.uint8]) -> None:
    labels = np.arange(30, dtype=np.uint8)[:, None] % 10  # (N, 1), as Keras has them
    arrays = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    np.savez(datasets_dir / "cifar10.npz", **arrays)  # type: ignore[arg-type] # as above
    dataset = cifar10.load()
    assert np.array_equal(dataset.train.images, images)
    assert dataset.train.labels.shape == (30,)


def test_a_broken_strip_is_one_sentence(datasets_dir: Path, images: NDArray[np.uint8]) -> None:
    _write_strips(datasets_dir / "cifar10_webp.npz", images)
    with np.load(datasets_dir / "cifar10_webp.npz") as file:
        arrays = dict(file)
    arrays["test_strips"] = np.zeros_like(arrays["test_strips"])
    np.savez(datasets_dir / "cifar10_webp.npz", **arrays)
    with pytest.raises(DatasetError, match=r"cifar10_webp\.npz cannot be decoded: .*; fetch"):
        cifar10.load()


def test_a_missing_file_says_where_it_was_looked_for(datasets_dir: Path) -> None:
    with pytest.raises(DatasetError, match=r"cifar10\.npz is not there: put .* DATASETS_DIR"):
        cifar10.load()


def test_the_real_set_has_its_known_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = SHARED / "data"
    if not (folder / "cifar10_webp.npz").exists():
        pytest.skip("the real cifar10_webp.npz is not at hand")
    monkeypatch.setenv("DATASETS_DIR", str(folder))
    dataset = cifar10.load()
    assert (len(dataset.train), len(dataset.test)) == (50_000, 10_000)
    first = [dataset.labels[index] for index in dataset.test.labels[:4]]
    assert first == ["cat", "ship", "ship", "airplane"]
    digest = hashlib.sha256(dataset.test.images.tobytes()).hexdigest()
    assert digest == "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04"
