"""Nearest unpooling repeats each pixel over its window."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.average_pooling_2d import AveragePooling2D
from training.layers.nearest_unpooling_2d import NearestUnpooling2D

IMAGES = np.random.default_rng(0).normal(size=(2, 3, 4, 2)).astype(np.float32)


def test_it_is_a_layer() -> None:
    check_layer(lambda: NearestUnpooling2D((2, 3)), IMAGES)


def test_each_pixel_fills_its_window() -> None:
    found = np.asarray(NearestUnpooling2D((2, 3))(IMAGES))
    np.testing.assert_array_equal(found, np.kron(IMAGES, np.ones((1, 2, 3, 1), np.float32)))
    np.testing.assert_array_equal(found, keras.layers.UpSampling2D((2, 3))(IMAGES))


def test_average_pooling_undoes_it() -> None:
    again = AveragePooling2D(2)(NearestUnpooling2D(2)(IMAGES))
    np.testing.assert_allclose(again, IMAGES, rtol=1e-6)


def test_images_of_unknown_size_are_enlarged_too() -> None:
    assert NearestUnpooling2D(2)(keras.Input((None, 5, 3))).shape == (None, None, 10, 3)


def test_the_window_is_checked() -> None:
    with pytest.raises(ValueError, match="pool_size must be one positive integer or two"):
        NearestUnpooling2D(-2)
