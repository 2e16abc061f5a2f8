"""Multi-head attention computes what Keras' own does, masks and all."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.layer_checks import check_layer
from training.layers.multi_head_attention import (
    MultiHeadAttention,
    causal_mask,
    scaled_dot_product_attention,
)

RANDOM = np.random.default_rng(0)
QUERY = RANDOM.normal(size=(2, 5, 8)).astype(np.float32)
VALUE = RANDOM.normal(size=(2, 7, 6)).astype(np.float32)
KEY = RANDOM.normal(size=(2, 7, 4)).astype(np.float32)
PADDING = np.arange(7)[None] < np.array([[7], [3]])
"""bool (2, 7): the second sequence has 3 tokens."""


def _twins(*inputs: NDArray[Any], **arguments: Any) -> tuple[keras.Layer, keras.Layer]:
    """Keras' layer with random weights and ours with the same."""
    theirs = keras.layers.MultiHeadAttention(2, 4, **arguments)
    ours = MultiHeadAttention(2, 4, **arguments)
    theirs(*inputs), ours(*inputs)
    pairs = zip(theirs.weights, ours.weights, strict=True)
    for weight, other in pairs:
        values = RANDOM.normal(size=other.shape)
        other.assign(values)
        weight.assign(values.reshape(weight.shape))
    return theirs, ours


def test_it_is_a_layer() -> None:
    check_layer(lambda: MultiHeadAttention(2), QUERY, VALUE)
    check_layer(
        lambda: MultiHeadAttention(
            2, 3, dropout_rate=0.5, use_bias=False, kernel_initializer="he_normal"
        ),
        QUERY,
        VALUE,
        KEY,
    )


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("use_causal_mask", [True, False])
@pytest.mark.parametrize(
    "mask",
    [
        None,
        np.repeat(PADDING[:, None], 5, axis=1),  # (B, T, S)
        RANDOM.random((2, 2, 5, 7)) < 0.7,  # (B, N, T, S)
    ],
    ids=["unmasked", "padding", "by-head"],
)
def test_with_the_same_weights_it_equals_keras(
    mask: NDArray[np.bool_] | None, use_causal_mask: bool, use_bias: bool
) -> None:
    theirs, ours = _twins(QUERY, VALUE, KEY, use_bias=use_bias)
    how = {
        "attention_mask": mask,
        "use_causal_mask": use_causal_mask,
        "return_attention_scores": True,
    }
    expected, expected_scores = theirs(QUERY, VALUE, KEY, **how)
    outputs, scores = ours(QUERY, VALUE, KEY, **how)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-5)


def test_a_padding_mask_is_given_or_carried_by_the_values() -> None:
    _, ours = _twins(QUERY, VALUE)
    given = ours(QUERY, VALUE, value_mask=PADDING)
    masked = keras.ops.convert_to_tensor(VALUE)
    masked._keras_mask = keras.ops.convert_to_tensor(PADDING)
    np.testing.assert_array_equal(ours(QUERY, masked), given)
    shorter = ours(QUERY[1:], VALUE[1:, :3])
    np.testing.assert_allclose(given[1:], shorter, atol=1e-5)


def test_who_may_look_nowhere_gets_zeros_and_no_nan() -> None:
    _, ours = _twins(QUERY, VALUE)
    outputs, scores = ours(
        QUERY, VALUE, value_mask=np.zeros((2, 7), bool), return_attention_scores=True
    )
    assert not np.any(scores)
    bias = np.broadcast_to(ours.output_projection.bias, outputs.shape)
    np.testing.assert_array_equal(outputs, bias)


def test_symbolic_scores_have_their_shape() -> None:
    query, value = keras.Input((5, 8)), keras.Input((7, 6))
    outputs, scores = MultiHeadAttention(2)(query, value, return_attention_scores=True)
    assert outputs.shape == (None, 5, 8)
    assert scores.shape == (None, 2, 5, 7)


def test_scores_drop_while_training_alone() -> None:
    keras.utils.set_random_seed(3)
    layer = MultiHeadAttention(2, dropout_rate=0.5)
    np.testing.assert_array_equal(layer(QUERY, VALUE), layer(QUERY, VALUE, training=False))
    assert np.abs(layer(QUERY, VALUE, training=True) - layer(QUERY, VALUE)).max() > 1e-3


def test_the_attention_is_the_formula() -> None:
    query, key = RANDOM.normal(size=(1, 3, 1, 4)), RANDOM.normal(size=(1, 3, 1, 4))
    value = RANDOM.normal(size=(1, 3, 1, 2))
    similarities = query[0, :, 0] @ key[0, :, 0].T / 2
    similarities[np.triu_indices(3, 1)] = -np.inf
    weights = np.exp(similarities)
    weights /= weights.sum(axis=1, keepdims=True)
    query, key, value = (keras.ops.cast(rows, "float32") for rows in (query, key, value))
    found, scores = scaled_dot_product_attention(query, key, value, causal_mask(3, 3))
    np.testing.assert_allclose(scores[0, 0], weights, atol=1e-6)
    np.testing.assert_allclose(found[0, :, 0], weights @ np.asarray(value)[0, :, 0], atol=1e-6)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="num_heads must be at least 1; received 0"):
        MultiHeadAttention(0)
    with pytest.raises(ValueError, match="key_dim must be at least 1, or None; received 0"):
        MultiHeadAttention(2, 0)
    with pytest.raises(ValueError, match=r"num_heads=3 equal parts.*\(2, 5, 8\)"):
        MultiHeadAttention(3)(QUERY, VALUE)
