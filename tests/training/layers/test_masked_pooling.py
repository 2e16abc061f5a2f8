"""Masked pooling makes one vector of a text's tokens, as though there were no padding."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.masked_pooling import MODES, MaskedPooling, Mode

INPUTS = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
MASK = np.arange(4)[None] < np.array([[4], [2], [1]])


@pytest.mark.parametrize("mode", MODES)
def test_it_is_a_layer(mode: Mode) -> None:
    check_layer(lambda: MaskedPooling(mode), INPUTS)


@pytest.mark.parametrize("mode", MODES)
def test_each_row_is_pooled_as_though_alone(mode: Mode) -> None:
    pooled = np.asarray(MaskedPooling(mode)(INPUTS, mask=MASK))
    expected = {
        "mean": [INPUTS[0].mean(0), INPUTS[1, :2].mean(0), INPUTS[2, 0]],
        "max": [INPUTS[0].max(0), INPUTS[1, :2].max(0), INPUTS[2, 0]],
        "first": [INPUTS[0, 0], INPUTS[1, 0], INPUTS[2, 0]],
    }[mode]
    np.testing.assert_allclose(pooled, expected, rtol=1e-5)


def test_the_mask_is_that_of_the_layer_before() -> None:
    tokens = np.array([[3, 4, 0, 0], [5, 0, 0, 0]])
    embedding = keras.layers.Embedding(6, 5, mask_zero=True)
    x = np.asarray(embedding(tokens))
    pooled = np.asarray(MaskedPooling()(embedding(tokens)))
    np.testing.assert_allclose(pooled, [x[0, :2].mean(0), x[1, 0]], rtol=1e-5, atol=1e-6)


def test_a_row_of_padding_alone_is_zeros() -> None:
    pooled = MaskedPooling()(INPUTS, mask=np.zeros((3, 4), bool))
    np.testing.assert_array_equal(pooled, np.zeros((3, 5)))


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode must be one of mean, max, first; received 'sum'"):
        MaskedPooling("sum")  # type: ignore[arg-type] # that is the point
