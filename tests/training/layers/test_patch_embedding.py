"""A patch embedding is the convolution whose stride is its kernel."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from tests.training.layer_checks import check_layer
from training.layers.patch_embedding import PatchEmbedding

RANDOM = np.random.default_rng(0)


def test_it_is_a_layer() -> None:
    images = RANDOM.normal(size=(2, 4, 6, 3)).astype("float32")
    check_layer(lambda: PatchEmbedding(2, 5), images)
    check_layer(lambda: PatchEmbedding(2, 5, use_bias=False), images)


def test_it_equals_a_convolution_of_its_stride_row_by_row() -> None:
    images = RANDOM.normal(size=(2, 8, 12, 3)).astype(np.float32)
    layer = PatchEmbedding(4, 5)
    layer(images)
    kernel, bias = RANDOM.normal(size=(4, 4, 3, 5)).astype("float32"), RANDOM.normal(size=5)
    layer.set_weights([kernel, bias])
    expected = np.asarray(ops.conv(images, kernel, strides=4)).reshape(2, 6, 5) + bias
    np.testing.assert_allclose(layer(images), expected, rtol=1e-4, atol=1e-5)


def test_without_a_bias_black_becomes_nothing() -> None:
    layer = PatchEmbedding(4, 5, use_bias=False)
    np.testing.assert_array_equal(layer(np.zeros((1, 8, 8, 3))), np.zeros((1, 4, 5)))
    assert [weight.name for weight in layer.weights] == ["kernel"]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="patch_size must be at least 1; received 0"):
        PatchEmbedding(0, 5)
    with pytest.raises(ValueError, match="hidden_dim must be at least 1; received 0"):
        PatchEmbedding(4, 0)


@pytest.mark.parametrize("shape", [(None, 28, 30, 1), (None, None, 28, 1), (None, 28, 28)])
def test_a_side_that_holds_no_whole_patches_is_refused(shape: tuple[int | None, ...]) -> None:
    with pytest.raises(ValueError, match="multiples of its patch_size 7; received the shape"):
        PatchEmbedding(7, 5).build(shape)
