"""Max-unpooling puts every maximum back to where max pooling found it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.layer_checks import check_layer
from training.layers._convolution import Pair, margins
from training.layers.max_pooling_2d import MaxPooling2D
from training.layers.max_unpooling_2d import MaxUnpooling2D

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.permutation(2 * 7 * 9 * 3).reshape(2, 7, 9, 3).astype(np.float32) + 1
POOLINGS: list[tuple[Any, Any, Any]] = [
    (2, None, "valid"),
    (2, None, "same"),
    ((3, 2), None, "same"),
    (3, 2, "valid"),
    (3, 2, "same"),
    (2, 3, "valid"),
]


def _maxima_alone(images: NDArray[Any], pool: MaxPooling2D) -> NDArray[Any]:
    """The images with everything 0 that is the largest of no window."""
    (high, wide), (down, right) = pool.pool_size, pool.strides
    top, _ = margins(images.shape[1], high, down, pool.padding)
    left, _ = margins(images.shape[2], wide, right, pool.padding)
    (_, rows, columns, _), _ = pool.compute_output_shape(images.shape)
    kept = np.zeros_like(images)
    for b, i, j, c in np.ndindex(len(images), rows, columns, images.shape[-1]):
        y, x = i * down - top, j * right - left
        inside = np.s_[b, max(y, 0) : y + high, max(x, 0) : x + wide, c]
        window = images[inside]
        place = np.unravel_index(window.argmax(), window.shape)
        kept[inside][place] = window[place]
    return kept


def test_it_is_a_layer() -> None:
    values = RANDOM.normal(size=(2, 3, 4, 2)).astype(np.float32)
    check_layer(MaxUnpooling2D, values, RANDOM.integers(0, 4, values.shape, np.int32))
    places = RANDOM.integers(0, 9, values.shape, np.int32)
    check_layer(lambda: MaxUnpooling2D(3, 2, "same", output_size=(5, 8)), values, places)


@pytest.mark.parametrize(("pool_size", "strides", "padding"), POOLINGS)
@pytest.mark.parametrize("size", [(7, 9), (6, 8)])
def test_what_it_makes_is_the_images_maxima_and_zeros(
    pool_size: Any, strides: Any, padding: Any, size: Pair
) -> None:
    images = IMAGES[:, : size[0], : size[1]]
    pool = MaxPooling2D(pool_size, strides, padding, return_positions=True)
    unpool = MaxUnpooling2D(pool_size, strides, padding, output_size=size)
    found = np.asarray(unpool(*pool(images)))
    np.testing.assert_allclose(found, _maxima_alone(images, pool), rtol=1e-6)


@pytest.mark.parametrize(("pool_size", "strides", "padding"), POOLINGS)
def test_pooling_again_gives_the_same_maxima(pool_size: Any, strides: Any, padding: Any) -> None:
    pool = MaxPooling2D(pool_size, strides, padding, return_positions=True)
    unpool = MaxUnpooling2D(pool_size, strides, padding, output_size=(7, 9))
    values, positions = pool(IMAGES)
    again, same = pool(unpool(values, positions))
    np.testing.assert_allclose(again, values, rtol=1e-6)
    np.testing.assert_array_equal(same, positions)


def test_of_equal_values_one_comes_back() -> None:
    images = np.array([[3, 3], [3, 3]], np.float32)[None, ..., None]
    found = MaxUnpooling2D()(*MaxPooling2D(return_positions=True)(images))
    assert np.asarray(found).ravel().tolist() == [3, 0, 0, 0]


def test_without_a_size_the_smallest_images_come_back() -> None:
    values = np.ones((1, 3, 3, 1), np.float32)
    positions = np.zeros(values.shape, np.int32)
    assert MaxUnpooling2D(2)(values, positions).shape == (1, 6, 6, 1)
    assert MaxUnpooling2D(3, 2)(values, positions).shape == (1, 7, 7, 1)
    assert MaxUnpooling2D(3, 2, "same")(values, positions).shape == (1, 6, 6, 1)


def test_sizes_that_do_not_belong_together_are_refused() -> None:
    values, positions = keras.Input((3, 3, 1)), keras.Input((3, 3, 1), dtype="int32")
    with pytest.raises(ValueError, match=r"\(9, 6\) pool to \(4, 3\); received values of \(3, 3\)"):
        MaxUnpooling2D(2, output_size=(9, 6))(values, positions)
    with pytest.raises(ValueError, match="each value has its position; received the shapes"):
        MaxUnpooling2D(2)(values, keras.Input((2, 3, 1), dtype="int32"))
    with pytest.raises(ValueError, match="of known size; received the shape"):
        MaxUnpooling2D(2)(keras.Input((None, 3, 1)), keras.Input((None, 3, 1), dtype="int32"))
