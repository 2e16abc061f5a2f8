"""MNIST is read from DATASETS_DIR, and a file that is not MNIST is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import SHARED
from training.datasets import mnist
from training.errors import DatasetError
from training.settings import Settings


def test_the_arrays_come_as_images_with_a_channel(datasets_dir: Path) -> None:
    dataset = mnist.load()
    assert dataset.train.images.shape == (96, 28, 28, 1)
    assert dataset.train.images.dtype == np.uint8
    assert dataset.test.labels.dtype == np.int64
    assert dataset.labels == tuple("0123456789")
    assert dataset.image_shape == (28, 28, 1)


def _rewrite(path: Path, **changes: np.ndarray | None) -> None:
    with np.load(path) as arrays:
        kept = {**arrays, **changes}
    kept = {name: rows for name, rows in kept.items() if rows is not None}
    np.savez(path, **kept)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"y_test": None}, "lacks an array: .*y_test"),
        ({"x_train": np.zeros((96, 32, 32), np.uint8)}, r"are uint8 \(96, 32, 32, 1\); expected"),
        ({"x_train": np.zeros((96, 28, 28), np.float32)}, "are float32"),
        ({"y_train": np.zeros(95, np.uint8)}, "96 train images and 95 labels"),
        ({"y_test": np.full(40, 11, np.uint8)}, "from 11 to 11; expected int64 from 0 to 9"),
    ],
)
def test_arrays_that_are_not_mnist_are_refused(
    datasets_dir: Path, changes: dict[str, np.ndarray | None], sentence: str
) -> None:
    _rewrite(datasets_dir / "mnist.npz", **changes)
    with pytest.raises(DatasetError, match=sentence):
        mnist.load()


def test_a_missing_file_says_where_it_was_looked_for(datasets_dir: Path) -> None:
    (datasets_dir / "mnist.npz").unlink()
    with pytest.raises(DatasetError, match=r"mnist\.npz is not there: put .* DATASETS_DIR"):
        mnist.load()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"<html>not found</html>"])
def test_a_broken_file_is_one_sentence(datasets_dir: Path, content: bytes) -> None:
    (datasets_dir / "mnist.npz").write_bytes(content)
    with pytest.raises(DatasetError, match="cannot be read"):
        mnist.load()


def test_an_empty_setting_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATASETS_DIR", "")
    assert Settings().datasets_dir is None


def test_the_real_set_has_its_known_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = SHARED / "data"
    if not (folder / "mnist.npz").exists():
        pytest.skip("the real mnist.npz is not at hand")
    monkeypatch.setenv("DATASETS_DIR", str(folder))
    dataset = mnist.load()
    assert (len(dataset.train), len(dataset.test)) == (60_000, 10_000)
    assert dataset.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert dataset.train.images.mean() == pytest.approx(33.3184, abs=1e-3)
