"""Our max pooling is Keras' own, and says where each maximum stood."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.max_pooling_2d import MaxPooling2D

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.permutation(3 * 7 * 8 * 2).reshape(3, 7, 8, 2).astype(np.float32) / 64 - 4


def test_it_is_a_layer() -> None:
    check_layer(MaxPooling2D, IMAGES)
    check_layer(lambda: MaxPooling2D(3, 2, "same", return_positions=True), IMAGES)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("pool_size", "strides"), [(2, None), (3, 2), ((2, 3), (1, 2)), (1, 3), (4, 1)]
)
def test_it_equals_keras_own(pool_size: Any, strides: Any, padding: Any) -> None:
    ours = MaxPooling2D(pool_size, strides, padding)
    theirs = keras.layers.MaxPooling2D(pool_size, strides, padding)
    np.testing.assert_array_equal(ours(IMAGES), theirs(IMAGES))


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_positions_say_where_in_its_window_each_maximum_stood(padding: Any) -> None:
    pool = MaxPooling2D((2, 3), padding=padding, return_positions=True)
    values, positions = (np.asarray(each) for each in pool(IMAGES))
    assert positions.dtype == np.int32
    # 7×8 by windows of 2×3: under `same` one row below and one column to the right are missing
    images = np.pad(IMAGES, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=-np.inf)
    for b, i, j, c in np.ndindex(values.shape):
        row, column = divmod(positions[b, i, j, c], 3)
        assert images[b, 2 * i + row, 3 * j + column, c] == values[b, i, j, c]


def test_of_equal_values_the_first_row_by_row_is_taken() -> None:
    images = np.array([[0, 5, 1, 1], [5, 5, 1, 1]], np.float32)[None, ..., None]
    _, positions = MaxPooling2D(return_positions=True)(images)
    assert np.asarray(positions).ravel().tolist() == [1, 0]


def test_symbolic_positions_are_integers() -> None:
    values, positions = MaxPooling2D(return_positions=True, dtype="mixed_bfloat16")(
        keras.Input((None, None, 4))
    )
    assert (values.dtype, positions.dtype) == ("bfloat16", "int32")
    assert values.shape == positions.shape == (None, None, None, 4)


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="pool_size must be one positive integer or two"):
        MaxPooling2D(0)
    with pytest.raises(ValueError, match="padding must be 'valid' or 'same'; received 'no'"):
        MaxPooling2D(2, padding="no")  # type: ignore[arg-type]  # refused
    with pytest.raises(ValueError, match="fits into no image of 7"):
        MaxPooling2D(8)(IMAGES)
