"""Our average pooling is Keras' own; pixels outside the image do not count."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.average_pooling_2d import AveragePooling2D

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(3, 7, 8, 2)).astype(np.float32)


def test_it_is_a_layer() -> None:
    check_layer(AveragePooling2D, IMAGES)
    check_layer(lambda: AveragePooling2D((3, 2), 2, "same"), IMAGES)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("pool_size", "strides"), [(2, None), (3, 2), ((2, 3), (1, 2)), (1, 3), (4, 1)]
)
def test_it_equals_keras_own(pool_size: Any, strides: Any, padding: Any) -> None:
    ours = AveragePooling2D(pool_size, strides, padding)
    theirs = keras.layers.AveragePooling2D(pool_size, strides, padding)
    np.testing.assert_allclose(ours(IMAGES), theirs(IMAGES), atol=1e-6)


def test_an_even_grey_stays_as_it_is_up_to_the_edge() -> None:
    pooled = AveragePooling2D(3, 1, "same")(np.full((1, 4, 4, 1), 7, np.float32))
    np.testing.assert_allclose(pooled, np.full((1, 4, 4, 1), 7), rtol=1e-6)


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="pool_size must be one positive integer or two"):
        AveragePooling2D((2, 2, 2))  # type: ignore[arg-type]  # refused
    with pytest.raises(ValueError, match="strides must be one positive integer or two"):
        AveragePooling2D(2, 0)
