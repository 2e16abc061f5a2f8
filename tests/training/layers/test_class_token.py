"""The class token stands before every sequence's tokens, the same for all."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.class_token import ClassToken

RANDOM = np.random.default_rng(0)


def test_it_is_a_layer() -> None:
    check_layer(ClassToken, RANDOM.normal(size=(2, 4, 5)).astype(np.float32))


def test_one_token_comes_before_all_others() -> None:
    tokens = RANDOM.normal(size=(2, 3, 4)).astype(np.float32)
    layer = ClassToken()
    found = np.asarray(layer(tokens))
    np.testing.assert_array_equal(found[:, 0], np.zeros((2, 4)))  # as it begins
    np.testing.assert_array_equal(found[:, 1:], tokens)
    layer.set_weights([np.arange(4.0).reshape(1, 1, 4)])
    np.testing.assert_array_equal(np.asarray(layer(tokens))[:, 0], [[0, 1, 2, 3]] * 2)


def test_what_is_no_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match=r"takes \(B, T, D\).*received the shape \(None, 4\)"):
        ClassToken().build((None, 4))
