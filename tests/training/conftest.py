"""What the tests of training share: a quiet TensorFlow and a tiny data set in MNIST's format."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def write_digits(path: Path, *, train: int = 96, test: int = 40) -> None:
    """Write MNIST's arrays with bars for digits: class k is a bright row at height 2k + 4."""
    random = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for name, count in (("train", train), ("test", test)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = random.integers(0, 40, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label + 4 : 2 * label + 7, 4:24] = 255
        arrays |= {f"x_{name}": images, f"y_{name}": labels}
    np.savez(path, **arrays)  # type: ignore[arg-type] # its stub wants no names


@pytest.fixture
def datasets_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tiny mnist.npz, which the setting DATASETS_DIR names."""
    folder = tmp_path / "datasets"
    folder.mkdir()
    write_digits(folder / "mnist.npz")
    monkeypatch.setenv("DATASETS_DIR", str(folder))
    return folder


@pytest.fixture
def unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the fresh process that proves an export: it takes ten seconds."""
    monkeypatch.setattr("training.exporting.export.prove", lambda folder: None)
