"""Our convolution layer is Keras' own, given the same weights, and learns the same."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.conv_2d import Conv2D

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(3, 9, 8, 2)).astype(np.float32)


def test_it_is_a_layer() -> None:
    check_layer(lambda: Conv2D(4, 3, padding="same", activation="tanh"), IMAGES)
    check_layer(lambda: Conv2D(2, (2, 3), strides=2, dilation_rate=2, use_bias=False), IMAGES)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3},
        {"kernel_size": (1, 2), "strides": (2, 3), "padding": "same"},
        {"kernel_size": 3, "dilation_rate": (2, 1), "padding": "same", "activation": "relu"},
        {"kernel_size": 5, "strides": 2, "use_bias": False},
    ],
)
def test_it_equals_keras_own(options: dict[str, Any]) -> None:
    ours, theirs = Conv2D(5, **options), keras.layers.Conv2D(5, **options)
    ours.build(IMAGES.shape)
    theirs.build(IMAGES.shape)
    theirs.set_weights([RANDOM.normal(size=weight.shape) for weight in theirs.weights])
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(IMAGES), theirs(IMAGES), rtol=1e-5, atol=1e-5)


def test_it_learns_a_filter_from_examples() -> None:
    sobel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], np.float32)[..., None, None]
    images = RANDOM.normal(size=(64, 8, 8, 1)).astype(np.float32)
    edges = keras.ops.conv(images, sobel)
    model = keras.Sequential([keras.Input((8, 8, 1)), Conv2D(1, 3, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.3), "mse")
    model.fit(images, edges, epochs=10, verbose=0)
    np.testing.assert_allclose(model.layers[0].kernel, sobel, atol=1e-2)


def test_images_of_unknown_size_have_outputs_of_unknown_size() -> None:
    outputs = Conv2D(4, 3, strides=2)(keras.Input((None, None, 2)))
    assert outputs.shape == (None, None, None, 4)


def test_penalty_and_constraint_belong_to_the_kernel() -> None:
    layer = Conv2D(1, 2, kernel_regularizer=keras.regularizers.L1(0.5), kernel_constraint="non_neg")
    layer.build((None, 4, 4, 3))
    layer.kernel.assign(np.full((2, 2, 3, 1), 2.0))
    assert [float(loss) for loss in layer.losses] == [pytest.approx(0.5 * 12 * 2)]
    assert isinstance(layer.kernel.constraint, keras.constraints.NonNeg)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"filters": 0}, "filters must be an integer of at least 1; received 0"),
        ({"kernel_size": 0}, "kernel_size must be one positive integer or two; received 0"),
        ({"strides": (1, 0)}, r"strides must be one positive integer or two; received \(1, 0\)"),
        ({"dilation_rate": 1.5}, "dilation_rate must be one positive integer or two"),
        ({"padding": "full"}, "padding must be 'valid' or 'same'; received 'full'"),
    ],
)
def test_arguments_are_checked(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Conv2D(**{"filters": 2, "kernel_size": 3, **options})


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((None, 8, 8), r"takes images \(B, H, W, C\) with known channels; received the shape"),
        ((None, 8, 8, None), "with known channels"),
    ],
)
def test_what_is_no_image_is_refused(shape: tuple[int | None, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Conv2D(2, 3).build(shape)


def test_too_small_an_image_is_refused() -> None:
    with pytest.raises(ValueError, match="reaches over 5 pixels fits into no image of 4"):
        Conv2D(2, 5)(keras.Input((4, 4, 1)))
