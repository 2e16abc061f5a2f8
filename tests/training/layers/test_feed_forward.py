"""The position-wise network is two matrices with a bend between them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.activations import quick_gelu
from training.layers.feed_forward import FeedForward

INPUTS = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)


def test_it_is_a_layer() -> None:
    check_layer(
        lambda: FeedForward(6, "gelu", dropout_rate=0.5, kernel_initializer="he_normal"), INPUTS
    )
    check_layer(lambda: FeedForward(6, quick_gelu), INPUTS)


def test_it_is_the_formula() -> None:
    layer = FeedForward(6)
    layer.build(INPUTS.shape)
    random = np.random.default_rng(1)
    layer.set_weights([random.normal(size=weight.shape) for weight in layer.weights])
    w1, b1, w2, b2 = layer.get_weights()
    expected = np.maximum(INPUTS @ w1 + b1, 0) @ w2 + b2
    np.testing.assert_allclose(layer(INPUTS), expected, atol=1e-5)


def test_both_matrices_begin_with_numbers_of_their_own() -> None:
    layer = FeedForward(4)
    layer.build(INPUTS.shape)
    first, _, second, _ = layer.get_weights()
    assert np.abs(first - second).min() > 0


def test_no_width_is_refused() -> None:
    with pytest.raises(ValueError, match="mlp_dim must be at least 1; received 0"):
        FeedForward(0)
