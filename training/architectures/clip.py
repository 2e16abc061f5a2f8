"""A dual encoder: images and texts become vectors of one space, near where they belong together.

Radford et al., 2021, "Learning Transferable Visual Models From Natural Language Supervision"
(arXiv:2103.00020), §2.3 to 2.5 and fig. 3, at a size for a few thousand drawings:

    image → edges by direction, colours → looks ────────────────┬→ length 1 ┐
                                                └→ memory → meanings ┘           ├ u·v / τ
    text → tokens → the sum of their vectors ───────────────────────→ length 1 ┘

Not as there: what is seen first are `OrientedGradients` and colours, which are not learnt, and a
linear map of them, because two drawings of a thing are too few to learn seeing from. A memory of
all concepts, attended to by how they look, says what is meant (a key-value memory: Miller et al.,
2016, arXiv:1606.03126), so that vectors are near for things that mean alike and look nothing like.
The order of words is not read. And for training both encoders have to tell all concepts apart
besides, by one `CosineClassifier`, not only those of a batch.
"""

from __future__ import annotations

from typing import Any, Final

import keras
from keras import layers, ops

from training.layers.cosine_classifier import CosineClassifier
from training.layers.dropout import Dropout
from training.layers.oriented_gradients import OrientedGradients
from training.layers.scaled_similarity import ScaledSimilarity
from training.layers.token_embedding import TokenEmbedding

COLOUR_CELL: Final = 4
"""Pixels of a cell of colours, either way."""
EDGE_CELL: Final = 8
"""Of edges."""
GAIN: Final = 32.0
"""Makes features of length 1 of about the size 1 each: one learning rate is for all weights."""


def build(
    image_shape: tuple[int, int, int],
    vocabulary_size: int,
    num_concepts: int,
    *,
    embedding_dim: int = 320,
    image_dropout_rate: float = 0.3,
    text_dropout_rate: float = 0.1,
    temperature: float = 0.07,
    memory_temperature: float = 0.05,
) -> keras.Model:
    """A dual encoder for images of 1 or 3 channels and texts of any number of tokens.

    Args:
        image_shape: (H, W, C), pixels, H and W multiples of 8.
        vocabulary_size: V; the token 0 is padding.
        num_concepts: K.
        embedding_dim: D, the width of the space, even: one half for looks, one for meanings.
        image_dropout_rate: share of the images' features dropped, 0–1.
        text_dropout_rate: share of the tokens dropped, 0–1.
        temperature: τ at the beginning.
        memory_temperature: of the softmax over the concepts, at the beginning.

    Returns:
        A model from {`images` float32 (B, H, W, C), 0–255; `tokens` int32 (B', T)} to logits:
        {`pairs` (B, B'); `images` (B, K); `texts` (B', K)}. Its layers `image_encoder` and
        `text_encoder` are models themselves, to embeddings float32 (·, D) of length 1.

    Raises:
        ValueError: an argument is out of range.
    """
    # === Checks ===
    if embedding_dim < 2 or embedding_dim % 2:
        raise ValueError(f"embedding_dim must be even and at least 2; received {embedding_dim}")
    if num_concepts < 1:
        raise ValueError(f"num_concepts must be at least 1; received {num_concepts}")

    # === Functional model ===
    image_encoder = _image_encoder(
        image_shape,
        num_concepts,
        embedding_dim // 2,
        dropout_rate=image_dropout_rate,
        temperature=memory_temperature,
    )
    text_encoder = _text_encoder(vocabulary_size, embedding_dim, dropout_rate=text_dropout_rate)
    images = keras.Input(image_shape, name="images")
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    u, v = image_encoder(images), text_encoder(tokens)  # (B, D), (B', D)
    similarity = ScaledSimilarity(temperature, dtype="float32", name="similarity")
    concepts = CosineClassifier(num_concepts, temperature, dtype="float32", name="concepts")
    logits = {"pairs": similarity(u, v), "images": concepts(u), "texts": concepts(v)}

    # === Config ===
    return keras.Model({"images": images, "tokens": tokens}, logits, name="clip")


def _image_encoder(
    image_shape: tuple[int, int, int],
    num_concepts: int,
    width: int,
    *,
    dropout_rate: float,
    temperature: float,
) -> keras.Model:
    images = keras.Input(image_shape, name="images")  #                       at 64×64×3:
    x = layers.Rescaling(1 / 255, dtype="float32", name="rescaling")(images)
    edges = OrientedGradients(cell_size=EDGE_CELL, dtype="float32", name="edges")(x)  # 8×8×8
    colours = layers.AveragePooling2D(COLOUR_CELL, dtype="float32", name="colours")(x)  # 16×16×3
    colours = layers.Flatten(name="colours_flat")(colours)
    colours = colours - ops.mean(colours, axis=-1, keepdims=True)
    parts = [_unit(layers.Flatten(name="edges_flat")(edges)), _unit(colours)]
    features = layers.Concatenate(name="parts")(parts)  # 1,280
    features = layers.Rescaling(GAIN, dtype="float32", name="features")(features)
    seen = Dropout(dropout_rate, name="dropout")(features)
    looks = _unit(layers.Dense(width, dtype="float32", name="looks")(seen))  # (B, D/2)
    alike = CosineClassifier(num_concepts, temperature, dtype="float32", name="memory")(looks)
    shares = layers.Softmax(dtype="float32", name="shares")(alike)  # (B, K)
    meanings = layers.Dense(width, use_bias=False, dtype="float32", name="meanings")(shares)
    both = layers.Concatenate(name="both")([looks, meanings])  # (B, D)
    return keras.Model(images, _unit(both, name="embeddings"), name="image_encoder")


def _text_encoder(vocabulary_size: int, width: int, *, dropout_rate: float) -> keras.Model:
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    mask = ops.cast(ops.not_equal(tokens, 0), "float32")  # (B, T)
    mask = Dropout(dropout_rate, dtype="float32", name="dropout")(mask)  # whole tokens
    x = TokenEmbedding(vocabulary_size, width, dtype="float32", name="words")(tokens)  # (B, T, D)
    x = ops.sum(x * ops.expand_dims(mask, -1), axis=1)  # (B, D)
    return keras.Model(tokens, _unit(x, name="embeddings"), name="text_encoder")


def _unit(x: Any, name: str | None = None) -> Any:
    """Vectors float32 (B, any), made length 1."""
    return layers.UnitNormalization(dtype="float32", name=name)(x)
