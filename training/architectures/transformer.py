"""The Transformer: an encoder and a decoder made of attention.

Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser and Polosukhin, 2017, "Attention Is All
You Need" (arXiv:1706.03762), §3 and table 3. One matrix embeds the tokens of both sides and gives
the logits (§3.4), and the attention has no biases (§3.2.2): with the 37,000 tokens of §5.1, `base`
has 63,045,632 parameters and `big` 214,171,648. Table 3 says 65 and 213 million, which no one
vocabulary gives: the first would take 40,817 tokens, the second 35,858.

    source → embed·√D + PE → N × encoder block → memory
    target → embed·√D + PE → N × decoder block (+ memory) → ·Eᵀ → logits

Dropout stands where §5.4 puts it: on the sums of embeddings and encodings, and on the output of
every sub-layer before it is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import keras
from keras import layers

from training.layers.dropout import Dropout
from training.layers.layer_normalization import LayerNormalization
from training.layers.sinusoidal_positional_encoding import SinusoidalPositionalEncoding
from training.layers.token_embedding import TokenEmbedding
from training.layers.transformer_decoder_block import TransformerDecoderBlock
from training.layers.transformer_encoder_block import Norm, TransformerEncoderBlock

PADDING_ID: Final = 0
"""The token that stands for none."""

VARIANTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "base": {
        "vocabulary_size": 37_000,
        "num_layers": 6,
        "hidden_dim": 512,
        "num_heads": 8,
        "mlp_dim": 2048,
        "dropout_rate": 0.1,
    },
    "big": {
        "vocabulary_size": 37_000,
        "num_layers": 6,
        "hidden_dim": 1024,
        "num_heads": 16,
        "mlp_dim": 4096,
        "dropout_rate": 0.3,
    },
}
"""Table 3: N, d_model, h, d_ff and P_drop."""


def build(
    vocabulary_size: int,
    *,
    num_layers: int = 6,
    hidden_dim: int = 512,
    num_heads: int = 8,
    mlp_dim: int = 2048,
    dropout_rate: float = 0.1,
    activation: str = "relu",
    norm: Norm = "post",
    epsilon: float = 1e-6,
) -> keras.Model:
    """An encoder–decoder for sequences of any length.

    Args:
        vocabulary_size: V, of source and target together; token 0 is padding.
        num_layers: N, the blocks of the encoder, and of the decoder.
        hidden_dim: D, the width of every position's vector.
        num_heads: of every attention.
        mlp_dim: the width within the position-wise networks.
        dropout_rate: P_drop, 0–1.
        activation: of the position-wise networks, by its Keras name.
        norm: `post` as in the paper, or `pre`, which has a normalization behind either stack.
        epsilon: of all normalizations; 1e-6 in the authors' code, the paper does not say.

    Returns:
        A model from [`source` int32 (B, S), `target` int32 (B, T)] to logits (B, T, V): those at
        position t are for the token behind `target[:, :t + 1]`. They carry the target's padding
        mask, so that Keras leaves padding out of losses and metrics. The encoder's output is that
        of the layer `memory`.

    Raises:
        ValueError: there is no token besides padding, or an argument is out of range.
    """
    # === Checks ===
    if vocabulary_size < 2:
        raise ValueError(f"vocabulary_size must be at least 2; received {vocabulary_size}")
    if num_layers < 1:
        raise ValueError(f"num_layers must be at least 1; received {num_layers}")

    # === Functional model ===
    embedding = TokenEmbedding(
        vocabulary_size, hidden_dim, scale=True, padding_id=PADDING_ID, name="embedding"
    )
    options: dict[str, Any] = {
        "num_heads": num_heads,
        "mlp_dim": mlp_dim,
        "dropout_rate": dropout_rate,
        "activation": activation,
        "norm": norm,
        "epsilon": epsilon,
        "attention_bias": False,
    }

    source = keras.Input((None,), dtype="int32", name="source")
    x = SinusoidalPositionalEncoding(name="source_positions")(embedding(source))  # (B, S, D)
    x = Dropout(dropout_rate, name="source_dropout")(x)
    for number in range(1, num_layers + 1):
        x = TransformerEncoderBlock(name=f"encoder_{number}", **options)(x)
    if norm == "pre":
        x = LayerNormalization(epsilon, name="encoder_norm")(x)
    memory = layers.Identity(name="memory")(x)  # (B, S, D)

    target = keras.Input((None,), dtype="int32", name="target")
    # said here as well, for decoding passes on the memory without the mask that Keras hangs on it
    is_token = keras.ops.not_equal(source, PADDING_ID)  # (B, S)
    y = SinusoidalPositionalEncoding(name="target_positions")(embedding(target))  # (B, T, D)
    y = Dropout(dropout_rate, name="target_dropout")(y)
    for number in range(1, num_layers + 1):
        block = TransformerDecoderBlock(name=f"decoder_{number}", **options)
        y = block(y, memory, memory_mask=is_token)
    if norm == "pre":
        y = LayerNormalization(epsilon, name="decoder_norm")(y)
    logits = embedding(y, reverse=True)  # (B, T, V)

    # === Config ===
    return keras.Model([source, target], logits, name="transformer")
