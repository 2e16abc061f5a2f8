"""A token embedding is a table, read both ways, that knows padding."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.token_embedding import TokenEmbedding

TOKENS = np.array([[3, 1, 0], [2, 0, 0]], np.int32)


def test_it_is_a_layer() -> None:
    check_layer(lambda: TokenEmbedding(5, 4), TOKENS)
    check_layer(
        lambda: TokenEmbedding(5, 4, scale=True, padding_id=0, embeddings_initializer="uniform"),
        TOKENS,
    )


def test_it_equals_keras() -> None:
    theirs, ours = keras.layers.Embedding(5, 4, mask_zero=True), TokenEmbedding(5, 4, padding_id=0)
    theirs(TOKENS), ours(TOKENS)
    ours.set_weights(theirs.get_weights())
    found, expected = ours(TOKENS), theirs(TOKENS)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found._keras_mask, expected._keras_mask)


def test_the_scale_is_the_root_of_the_width_and_gives_variance_1() -> None:
    keras.utils.set_random_seed(0)
    ours = TokenEmbedding(2000, 16, scale=True)
    vectors = np.asarray(ours(np.arange(2000, dtype=np.int32)[None]))
    np.testing.assert_allclose(vectors[0], 4 * np.asarray(ours.embeddings), atol=1e-6)
    assert vectors.std() == pytest.approx(1, abs=0.05)


def test_the_way_back_is_tied_and_keeps_the_mask() -> None:
    layer = TokenEmbedding(5, 4, scale=True, padding_id=0)
    tokens = keras.Input((None,), dtype="int32")
    logits = layer(layer(tokens), reverse=True)
    model = keras.Model(tokens, logits)
    assert logits.shape == (None, None, 5)
    assert model.count_params() == 20
    table = np.asarray(layer.embeddings)
    np.testing.assert_allclose(model(TOKENS), 2 * table[TOKENS] @ table.T, atol=1e-5)
    np.testing.assert_array_equal(model(TOKENS)._keras_mask, TOKENS != 0)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1; received 0 and 4"):
        TokenEmbedding(0, 4)
    with pytest.raises(ValueError, match="padding_id must be a token, 0 to 4, or None; received 5"):
        TokenEmbedding(5, 4, padding_id=5)
