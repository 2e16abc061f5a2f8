"""BERT: a Transformer's encoder that reads in both directions.

Devlin, Chang, Lee and Toutanova, 2018, "BERT: Pre-training of Deep Bidirectional Transformers for
Language Understanding" (arXiv:1810.04805), §3 and appendix A. Normalizations stand behind the sums
(`post`), positions are learned, and a second embedding tells the two texts of a pair apart; gelu is
the exact one, by the error function. With the pooler and without the heads of the pre-training:
`base` 109,482,240 parameters, `minilm-l6` 22,713,216, as Hugging Face's `BertModel` counts them.

MiniLM: Wang et al., 2020 (arXiv:2002.10957); `minilm-l6` is every second layer of its 12-layer,
384-wide model, as the sentence encoder all-MiniLM-L6-v2 has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import keras
from keras import layers

from training.layers.dense import Dense
from training.layers.dropout import Dropout
from training.layers.layer_normalization import LayerNormalization
from training.layers.learned_positional_encoding import LearnedPositionalEncoding
from training.layers.token_embedding import TokenEmbedding
from training.layers.transformer_encoder_block import TransformerEncoderBlock

VARIANTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "minilm-l6": {
        "vocabulary_size": 30_522,
        "num_layers": 6,
        "hidden_dim": 384,
        "num_heads": 12,
        "mlp_dim": 1536,
    },
    "base": {
        "vocabulary_size": 30_522,
        "num_layers": 12,
        "hidden_dim": 768,
        "num_heads": 12,
        "mlp_dim": 3072,
    },
}


def build(
    vocabulary_size: int,
    *,
    num_layers: int = 12,
    hidden_dim: int = 768,
    num_heads: int = 12,
    mlp_dim: int = 3072,
    max_length: int = 512,
    num_types: int = 2,
    dropout_rate: float = 0.1,
    attention_dropout_rate: float = 0.1,
    activation: Any = "gelu",
    epsilon: float = 1e-12,
) -> keras.Model:
    """An encoder for texts of up to `max_length` tokens.

    Args:
        vocabulary_size: V.
        num_layers: blocks.
        hidden_dim: D, the width of every position's vector.
        num_heads: of every attention.
        mlp_dim: the width within the position-wise networks.
        max_length: positions that have a vector.
        num_types: kinds of token: the first text's and the second's.
        dropout_rate: share dropped of the embeddings and of every sub-layer's output, 0–1.
        attention_dropout_rate: share dropped of the attention's scores, 0–1.
        activation: of the position-wise networks, by its Keras name or a registered function.
        epsilon: of all normalizations.

    Returns:
        A model from {`tokens` int32 (B, T); `mask` bool (B, T), False at padding; `types` int32
        (B, T), 0 for a single text} to {`hidden` (B, T, D); `pooled` (B, D), tanh of a dense layer
        on the first token's vector}.

    Raises:
        ValueError: an argument is out of range.
    """
    # === Checks ===
    if num_layers < 1:
        raise ValueError(f"num_layers must be at least 1; received {num_layers}")

    # === Functional model ===
    small = keras.initializers.TruncatedNormal(stddev=0.02)
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    mask = keras.Input((None,), dtype="bool", name="mask")
    types = keras.Input((None,), dtype="int32", name="types")

    def embed(size: int, name: str) -> keras.Layer:
        return TokenEmbedding(size, hidden_dim, embeddings_initializer=small.clone(), name=name)

    x = layers.Add(name="embeddings")(
        [
            embed(vocabulary_size, "token_embedding")(tokens),
            embed(num_types, "type_embedding")(types),
        ]
    )  # (B, T, D)
    x = LearnedPositionalEncoding(max_length, small.clone(), name="positions")(x)
    x = LayerNormalization(epsilon, name="embedding_norm")(x)
    x = Dropout(dropout_rate, name="embedding_dropout")(x)
    for number in range(1, num_layers + 1):
        x = TransformerEncoderBlock(
            num_heads,
            mlp_dim,
            dropout_rate=dropout_rate,
            activation=activation,
            norm="post",
            epsilon=epsilon,
            attention_dropout_rate=attention_dropout_rate,
            kernel_initializer=small,
            name=f"encoder_{number}",
        )(x, mask=mask)
    pooler = Dense(hidden_dim, "tanh", kernel_initializer=small.clone(), name="pooler")

    # === Config ===
    inputs = {"tokens": tokens, "mask": mask, "types": types}
    return keras.Model(inputs, {"hidden": x, "pooled": pooler(x[:, 0])}, name="bert")
