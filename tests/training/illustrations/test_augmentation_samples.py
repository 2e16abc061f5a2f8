"""The samples' sheets are drawn from the data sets, and never mirror a digit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.datasets import Dataset, Split, cifar10
from training.errors import DatasetError
from training.illustrations import augmentation_samples
from training.illustrations.augmentation_samples import DIGITS


def _photographs() -> Dataset:
    split = Split(np.full((8, 32, 32, 3), 90, np.uint8), np.zeros(8, np.int64))
    return Dataset(split, split, labels=("grey",), image_shape=(32, 32, 3))


def test_it_draws_both(tmp_path: Path, datasets_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "load", _photographs)
    monkeypatch.setattr(augmentation_samples, "DIGITS", {"cutout": {"cutout": 8}})
    monkeypatch.setattr(augmentation_samples, "PHOTOGRAPHS", {"hue": {"hue": 30}})
    drawn = augmentation_samples.draw(tmp_path)
    assert [path.name for path in drawn] == ["augmentation-mnist.png", "augmentation-cifar10.png"]
    for path in drawn:
        with Image.open(path) as sheet:
            assert sheet.width > 500


def test_without_the_data_sets_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATASETS_DIR", str(tmp_path))
    with pytest.raises(DatasetError, match=r"mnist\.npz is not there"):
        augmentation_samples.draw(tmp_path)


def test_digits_are_not_mirrored() -> None:
    assert not any("flip" in change for change in DIGITS.values())
