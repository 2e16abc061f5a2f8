"""The decoder's block is the paper's, sees no later position, and no padding of the source."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from tests.training.layer_checks import check_layer
from training.layers.transformer_decoder_block import TransformerDecoderBlock
from training.layers.transformer_encoder_block import Norm

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(2, 5, 8)).astype(np.float32)
MEMORY = RANDOM.normal(size=(2, 7, 6)).astype(np.float32)
MASK = np.arange(7)[None] < np.array([[7], [3]])


def _reference(norm: Norm) -> tuple[keras.Model, list[np.ndarray]]:
    """The same block of Keras' layers, and its weights in our block's order."""
    attentions = [layers.MultiHeadAttention(2, 4) for _ in range(2)]
    norms = [layers.LayerNormalization(epsilon=1e-6) for _ in range(3)]
    hidden, output = layers.Dense(16, activation="relu"), layers.Dense(8)
    x, memory, mask = keras.Input((5, 8)), keras.Input((7, 6)), keras.Input((7,), dtype="bool")
    seen = mask[:, None, :]
    if norm == "post":
        a = norms[0](x + attentions[0](x, x, use_causal_mask=True))
        b = norms[1](a + attentions[1](a, memory, attention_mask=seen))
        c = norms[2](b + output(hidden(b)))
    else:
        normal = norms[0](x)
        a = x + attentions[0](normal, normal, use_causal_mask=True)
        b = a + attentions[1](norms[1](a), memory, attention_mask=seen)
        c = b + output(hidden(norms[2](b)))
    model = keras.Model([x, memory, mask], c)
    order = [attentions[0], norms[0], attentions[1], norms[1], hidden, output, norms[2]]
    weights = [weight for layer in order for weight in layer.weights]
    for weight in weights:
        weight.assign(RANDOM.normal(size=weight.shape) / 2)
    return model, [np.asarray(weight) for weight in weights]


def test_it_is_a_layer() -> None:
    check_layer(lambda: TransformerDecoderBlock(2, 16), INPUTS, MEMORY)
    check_layer(
        lambda: TransformerDecoderBlock(
            4,
            16,
            dropout_rate=0.1,
            activation="gelu",
            norm="pre",
            epsilon=1e-5,
            attention_dropout_rate=0.2,
            attention_bias=False,
            kernel_initializer="he_normal",
        ),
        INPUTS,
        MEMORY,
    )


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_it_equals_the_same_sums_of_keras_layers(norm: Norm) -> None:
    reference, weights = _reference(norm)
    block = TransformerDecoderBlock(2, 16, norm=norm)
    block.build(INPUTS.shape, MEMORY.shape)
    ordered = [
        row.reshape(weight.shape) for weight, row in zip(block.weights, weights, strict=True)
    ]
    block.set_weights(ordered)
    found = block(INPUTS, MEMORY, memory_mask=MASK)
    np.testing.assert_allclose(found, reference([INPUTS, MEMORY, MASK]), atol=1e-5)


def test_nobody_sees_the_future() -> None:
    block = TransformerDecoderBlock(2, 16)
    changed = INPUTS.copy()
    changed[:, 3:] += 1
    before, after = np.asarray(block(INPUTS, MEMORY)), np.asarray(block(changed, MEMORY))
    np.testing.assert_allclose(after[:, :3], before[:, :3], atol=1e-6)
    assert np.abs(after[:, 3:] - before[:, 3:]).min() > 0


def test_padding_of_the_source_changes_nothing() -> None:
    block = TransformerDecoderBlock(2, 16)
    outputs, scores = block(INPUTS, MEMORY, memory_mask=MASK, return_attention_scores=True)
    alone = block(INPUTS[1:], MEMORY[1:, :3])
    np.testing.assert_allclose(outputs[1:], alone, atol=1e-5)
    assert scores.shape == (2, 2, 5, 7)
    assert not np.any(np.asarray(scores)[1, :, :, 3:])


def test_masks_come_along_with_what_carries_them() -> None:
    tokens = keras.Input((None,), dtype="int32")
    embedded = layers.Embedding(4, 8, mask_zero=True)(tokens)
    block = TransformerDecoderBlock(2, 16)
    model = keras.Model(tokens, block(embedded, embedded))
    long, short = np.array([[1, 2, 0, 0]], np.int32), np.array([[1, 2]], np.int32)
    np.testing.assert_allclose(model(long)[:, :2], model(short), atol=1e-5)


def test_symbolic_scores_have_their_shape() -> None:
    symbols = TransformerDecoderBlock(2, 16)(
        keras.Input((5, 8)), keras.Input((7, 6)), return_attention_scores=True
    )
    assert [symbol.shape for symbol in symbols] == [(None, 5, 8), (None, 2, 5, 7)]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="norm must be 'pre' or 'post'; received 'both'"):
        TransformerDecoderBlock(2, 16, norm="both")  # type: ignore[arg-type] # that is the point
