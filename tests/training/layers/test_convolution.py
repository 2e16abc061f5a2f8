"""The convolution product is the sum it is defined as, and its two halves are adjoint."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from training.layers._convolution import Padding, Pair, convolve, overlap_add, pair, windows

RANDOM = np.random.default_rng(0)


def _normal(*shape: int) -> NDArray[np.float32]:
    return RANDOM.normal(size=shape).astype(np.float32)


def test_it_is_the_sum_of_its_definition() -> None:
    images, kernel = _normal(1, 5, 6, 2), _normal(2, 3, 2, 4)
    expected = np.zeros((1, 4, 4, 4))
    for y, x, f in np.ndindex(4, 4, 4):
        for m, n, c in np.ndindex(2, 3, 2):
            expected[0, y, x, f] += images[0, y + m, x + n, c] * kernel[m, n, c, f]
    np.testing.assert_allclose(convolve(images, kernel), expected, atol=1e-5)


def test_with_the_kernel_turned_it_is_the_convolution_of_mathematics() -> None:
    one, other = _normal(4, 5), _normal(3, 2)
    expected = np.zeros((6, 6))
    for (y, x), value in np.ndenumerate(one):
        expected[y : y + 3, x : x + 2] += value * other
    whole = np.pad(one, ((2, 2), (1, 1)))[None, :, :, None]
    found = convolve(whole, other[::-1, ::-1, None, None])
    np.testing.assert_allclose(np.asarray(found)[0, :, :, 0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("strides", "dilation_rate"), [(1, 1), (2, 1), ((1, 3), 1), (1, 2), (1, (3, 1))]
)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [(3, 3), (2, 3), (1, 1)])
def test_it_equals_keras_own_and_so_do_its_gradients(
    strides: int | Pair, dilation_rate: int | Pair, padding: Padding, size: Pair
) -> None:
    images, kernel = tf.constant(_normal(2, 9, 8, 3)), tf.constant(_normal(*size, 3, 5))
    options: dict[str, Any] = {
        "strides": strides,
        "padding": padding,
        "dilation_rate": dilation_rate,
    }
    with tf.GradientTape(persistent=True) as tape:
        tape.watch((images, kernel))
        ours = convolve(images, kernel, **options)
        theirs = keras.ops.conv(images, kernel, **options)
        pull = tf.constant(_normal(*theirs.shape))
        pulled = tf.reduce_sum(ours * pull), tf.reduce_sum(theirs * pull)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    for source in (images, kernel):
        found, expected = (tape.gradient(each, source) for each in pulled)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_strides_and_dilation_go_together() -> None:
    images, kernel = _normal(1, 11, 11, 2), _normal(3, 3, 2, 2)
    every = np.asarray(convolve(images, kernel, dilation_rate=2))
    found = convolve(images, kernel, strides=3, dilation_rate=2)
    np.testing.assert_allclose(found, every[:, ::3, ::3], atol=1e-5)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "strides"), [(3, 1), (2, 2), ((3, 2), (2, 1)), (2, 3), (5, 2)])
def test_adding_windows_up_is_the_adjoint_of_cutting_them_out(
    size: int | Pair, strides: int | Pair, padding: Padding
) -> None:
    images = _normal(2, 8, 7, 3)
    cut = np.asarray(windows(images, size, strides, padding))
    parts = _normal(*cut.shape)
    added = np.asarray(overlap_add(parts, size, strides, padding, (8, 7)))
    assert added.shape == images.shape
    assert np.sum(cut * parts) == pytest.approx(np.sum(images * added), rel=1e-4)


def test_images_of_any_size_are_convolved_in_a_graph() -> None:
    kernel = _normal(3, 3, 1, 2)
    shape = tf.TensorSpec([None, None, None, 1], tf.float32)
    graph = tf.function(lambda x: convolve(x, kernel, strides=2), input_signature=[shape])
    for size in (5, 8):
        images = _normal(2, size, size, 1)
        np.testing.assert_allclose(graph(images), convolve(images, kernel, strides=2), atol=1e-6)
    with pytest.raises(ValueError, match="'same' with strides needs the images' height and width"):
        tf.function(
            lambda x: convolve(x, kernel, strides=2, padding="same"), input_signature=[shape]
        ).get_concrete_function()


def test_a_kernel_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="for images of 2 channels; received 3"):
        convolve(_normal(1, 4, 4, 3), _normal(3, 3, 2, 1))
    with pytest.raises(ValueError, match="reaches over 5 pixels fits into no image of 4"):
        convolve(_normal(1, 4, 4, 3), _normal(3, 3, 3, 1), dilation_rate=2)


@pytest.mark.parametrize("value", [0, True, 1.5, "3", None, (1, 2, 3), (1, 0), (1.5, 2)])
def test_a_pair_is_counted_in_pixels(value: Any) -> None:
    with pytest.raises(ValueError, match="strides must be one positive integer or two; received"):
        pair(value, "strides")
