"""The encoder's block is the paper's sums and normalizations, in either order."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from tests.training.layer_checks import check_layer
from training.layers.activations import quick_gelu
from training.layers.transformer_encoder_block import Norm, TransformerEncoderBlock

INPUTS = np.random.default_rng(0).normal(size=(2, 5, 8)).astype(np.float32)
MASK = np.arange(5)[None] < np.array([[5], [3]])


def _reference(norm: Norm, activation: str, epsilon: float) -> keras.Model:
    """The same block of Keras' layers, its weights made in our block's order."""
    attention = layers.MultiHeadAttention(2, 4)
    norms = [layers.LayerNormalization(epsilon=epsilon) for _ in range(2)]
    hidden, output = layers.Dense(16, activation=activation), layers.Dense(8)
    x, mask = keras.Input((5, 8)), keras.Input((5,), dtype="bool")
    seen = mask[:, None, :]
    if norm == "post":
        y = norms[0](x + attention(x, x, attention_mask=seen))
        z = norms[1](y + output(hidden(y)))
    else:
        normal = norms[0](x)
        y = x + attention(normal, normal, attention_mask=seen)
        z = y + output(hidden(norms[1](y)))
    model = keras.Model([x, mask], z)
    order = [attention, norms[0], hidden, output, norms[1]]
    random = np.random.default_rng(1)
    for weight in (weight for layer in order for weight in layer.weights):
        weight.assign(random.normal(size=weight.shape) / 2)
    model.ordered = [np.asarray(weight) for layer in order for weight in layer.weights]
    return model


def test_it_is_a_layer() -> None:
    check_layer(lambda: TransformerEncoderBlock(2, 16), INPUTS)
    check_layer(
        lambda: TransformerEncoderBlock(
            4,
            16,
            dropout_rate=0.1,
            activation="relu",
            norm="post",
            epsilon=1e-12,
            attention_dropout_rate=0.2,
            attention_bias=False,
            mlp_dropout_rate=0.3,
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        ),
        INPUTS,
    )
    check_layer(lambda: TransformerEncoderBlock(2, 16, activation=quick_gelu, causal=True), INPUTS)


@pytest.mark.parametrize(
    ("norm", "activation", "epsilon"),
    [("post", "gelu", 1e-12), ("post", "relu", 1e-6), ("pre", "gelu", 1e-6)],
    ids=["bert", "vaswani", "vit"],
)
def test_it_equals_the_same_sums_of_keras_layers(
    norm: Norm, activation: str, epsilon: float
) -> None:
    reference = _reference(norm, activation, epsilon)
    block = TransformerEncoderBlock(2, 16, activation=activation, norm=norm, epsilon=epsilon)
    block.build(INPUTS.shape)
    pairs = zip(block.weights, reference.ordered, strict=True)
    block.set_weights([values.reshape(weight.shape) for weight, values in pairs])
    np.testing.assert_allclose(block(INPUTS, mask=MASK), reference([INPUTS, MASK]), atol=1e-5)


def test_padding_changes_nothing() -> None:
    block = TransformerEncoderBlock(2, 16)
    outputs = block(INPUTS, mask=MASK)
    np.testing.assert_allclose(outputs[1:, :3], block(INPUTS[1:, :3]), atol=1e-5)
    np.testing.assert_array_equal(outputs._keras_mask, MASK)


def test_a_causal_block_sees_nothing_that_comes_later() -> None:
    block = TransformerEncoderBlock(2, 16, causal=True)
    outputs, scores = block(INPUTS, return_attention_scores=True)
    for length in range(1, 5):
        np.testing.assert_allclose(outputs[:, :length], block(INPUTS[:, :length]), atol=1e-5)
    later = np.triu(np.ones((5, 5), bool), 1)
    assert np.asarray(scores)[..., later].max() < 1e-6
    masked = block(INPUTS, mask=MASK)
    np.testing.assert_allclose(masked[1:, :3], outputs[1:, :3], atol=1e-5)
    assert np.abs(block(INPUTS, mask=MASK[::-1])[0, 3:] - outputs[0, 3:]).max() > 1e-3


def test_the_scores_come_when_asked_for() -> None:
    block = TransformerEncoderBlock(2, 16)
    outputs, scores = block(INPUTS, mask=MASK, return_attention_scores=True)
    np.testing.assert_allclose(outputs, block(INPUTS, mask=MASK), atol=1e-6)
    assert scores.shape == (2, 2, 5, 5)
    assert np.asarray(scores)[1, :, :, 3:].max() < 1e-6
    symbols = block(keras.Input((5, 8)), return_attention_scores=True)
    assert [symbol.shape for symbol in symbols] == [(None, 5, 8), (None, 2, 5, 5)]


def test_dropout_acts_while_training_alone() -> None:
    keras.utils.set_random_seed(1)
    block = TransformerEncoderBlock(2, 16, dropout_rate=0.5)
    assert np.abs(block(INPUTS, training=True) - block(INPUTS)).max() > 0.1


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="norm must be 'pre' or 'post'; received 'both'"):
        TransformerEncoderBlock(2, 16, norm="both")  # type: ignore[arg-type] # that is the point
