"""Every position has a vector of its own, up to the last."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.learned_positional_encoding import LearnedPositionalEncoding

INPUTS = np.random.default_rng(0).normal(size=(2, 7, 6)).astype(np.float32)


def test_it_is_a_layer() -> None:
    check_layer(lambda: LearnedPositionalEncoding(7), INPUTS)
    check_layer(lambda: LearnedPositionalEncoding(9, "he_normal"), INPUTS)


def test_the_first_rows_are_added() -> None:
    layer = LearnedPositionalEncoding(9)
    outputs = layer(INPUTS)
    np.testing.assert_allclose(outputs, INPUTS + np.asarray(layer.embeddings)[:7], atol=1e-6)


def test_longer_sequences_are_refused() -> None:
    with pytest.raises(ValueError, match=r"for 5 positions; received inputs of shape \(2, 7, 6\)"):
        LearnedPositionalEncoding(5)(INPUTS)
    with pytest.raises(ValueError, match="max_length must be at least 1; received 0"):
        LearnedPositionalEncoding(0)
