"""Our transposed convolution is Keras' own, and the adjoint of our convolution."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers._convolution import convolve
from training.layers.conv_2d_transpose import Conv2DTranspose

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(3, 4, 5, 2)).astype(np.float32)


def test_it_is_a_layer() -> None:
    check_layer(lambda: Conv2DTranspose(4, 3, strides=2, padding="same", activation="tanh"), IMAGES)
    check_layer(lambda: Conv2DTranspose(2, (2, 3), use_bias=False), IMAGES)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2, (3, 1)])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, (4, 5)])
def test_it_equals_keras_own(kernel_size: Any, strides: Any, padding: Any) -> None:
    options = {"kernel_size": kernel_size, "strides": strides, "padding": padding}
    ours, theirs = Conv2DTranspose(5, **options), keras.layers.Conv2DTranspose(5, **options)
    ours.build(IMAGES.shape)
    theirs.build(IMAGES.shape)
    theirs.set_weights([RANDOM.normal(size=weight.shape) for weight in theirs.weights])
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(IMAGES), theirs(IMAGES), rtol=1e-5, atol=1e-5)


def test_it_is_the_adjoint_of_the_convolution_with_its_kernel() -> None:
    layer = Conv2DTranspose(6, 3, strides=2, padding="same", use_bias=False)
    painted = np.asarray(layer(IMAGES))  # (3, 8, 10, 6)
    others = RANDOM.normal(size=painted.shape).astype(np.float32)
    kernel = keras.ops.convert_to_tensor(layer.kernel)
    read = np.asarray(convolve(others, kernel, strides=2, padding="same"))
    assert np.sum(painted * others) == pytest.approx(np.sum(IMAGES * read), rel=1e-4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"filters": True}, "filters must be an integer of at least 1; received True"),
        ({"kernel_size": (1, 2, 3)}, "kernel_size must be one positive integer or two"),
        ({"padding": "full"}, "padding must be 'valid' or 'same'; received 'full'"),
    ],
)
def test_arguments_are_checked(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Conv2DTranspose(**{"filters": 2, "kernel_size": 3, **options})


def test_images_of_unknown_size_are_refused() -> None:
    with pytest.raises(ValueError, match="of known size; received the shape"):
        Conv2DTranspose(2, 3)(keras.Input((None, None, 1)))
