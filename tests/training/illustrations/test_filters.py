"""The figure of filters shows the first kernels of the newest exports."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from service.manifest import keras_path
from training.errors import DatasetError
from training.illustrations import filters


def _model(num_filters: int) -> keras.Model:
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(num_filters, (2, 3), name="c1")]
    return keras.Sequential([keras.Input((8, 8, 1)), *layers, keras.layers.Conv2D(4, 3)])


def _save(models: Path, name: str, version: str, num_filters: int) -> None:
    path = keras_path(models / name / version)
    path.parent.mkdir(parents=True)
    _model(num_filters).save(path)


def test_a_kernel_is_what_an_output_channel_sees() -> None:
    model = _model(5)
    learnt = filters.kernels(model)
    assert learnt.shape == (5, 2, 3)
    np.testing.assert_array_equal(learnt[3], model.get_layer("c1").get_weights()[0][:, :, 0, 3])


def test_it_is_drawn_by_the_newest_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "MODELS", tmp_path)
    for version, num_filters in (("9", 2), ("10", 6)):
        _save(tmp_path, "mnist-lenet5", version, num_filters)
    _save(tmp_path, "mnist-vgg", "1", 24)
    seen: list[int] = []
    kernels = filters.kernels

    def look(model: keras.Model) -> np.ndarray:
        learnt = kernels(model)
        seen.append(len(learnt))
        return learnt

    monkeypatch.setattr(filters, "kernels", look)
    with Image.open(filters.draw(tmp_path)) as image:
        red, _, blue = (np.asarray(image.convert("RGB"), int)[..., band] for band in range(3))
    assert seen == [6, 24]
    assert (red - blue > 100).any()  # positive weights
    assert (blue - red > 100).any()  # negative ones


def test_without_an_export_it_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "MODELS", tmp_path)
    with pytest.raises(DatasetError, match="python -m training train mnist-lenet5"):
        filters.draw(tmp_path)
