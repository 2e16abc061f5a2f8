"""A dual encoder: pictures and texts become vectors of one space, near where they belong together.

Radford et al., 2021, "Learning Transferable Visual Models From Natural Language Supervision"
(arXiv:2103.00020), §2.3 to 2.5 and fig. 3, at a size for a few thousand drawings:

    picture → edges by direction and colours → convolutions → projection → length 1 ┐
                                                                                    ├ u·v / τ
    text → tokens → Transformer's encoder → mean over the tokens → projection → 1 ──┘

Not as there: the pictures' encoder begins with `OrientedGradients`, which are not learnt, beside
the colours at half the resolution, for what two drawings of one thing share is their lines; texts
are read in both directions and pooled by the mean; and for training both encoders may have to tell
all concepts apart besides, by one `CosineClassifier`, not only those of a batch.
"""

from __future__ import annotations

from typing import Any, Final

import keras
from keras import layers, ops

from training.layers.basic_block import BasicBlock
from training.layers.cosine_classifier import CosineClassifier
from training.layers.dropout import Dropout
from training.layers.layer_normalization import LayerNormalization
from training.layers.learned_positional_encoding import LearnedPositionalEncoding
from training.layers.oriented_gradients import OrientedGradients
from training.layers.scaled_similarity import ScaledSimilarity
from training.layers.token_embedding import TokenEmbedding
from training.layers.transformer_encoder_block import TransformerEncoderBlock

CELL: Final = 2
"""Pixels of a cell of edges and colours, either way."""


def build(
    image_shape: tuple[int, int, int],
    vocabulary_size: int,
    *,
    embedding_dim: int = 256,
    widths: tuple[int, ...] = (96, 192),
    depth: int = 1,
    patch_size: int = 8,
    image_dropout_rate: float = 0.2,
    num_layers: int = 2,
    hidden_dim: int = 128,
    num_heads: int = 4,
    mlp_dim: int = 256,
    max_length: int = 32,
    text_dropout_rate: float = 0.1,
    temperature: float = 0.07,
    num_concepts: int = 0,
) -> keras.Model:
    """A dual encoder for pictures of 1 or 3 channels and texts of up to `max_length` tokens.

    Args:
        image_shape: (H, W, C), pixels, H and W multiples of `patch_size`.
        vocabulary_size: V; the token 0 is padding.
        embedding_dim: D, the width of the space.
        widths: filters of each stage of the pictures' encoder; each but the first halves the side.
        depth: residual blocks of each stage.
        patch_size: the step of the first convolution, pixels: even, at least 4.
        image_dropout_rate: share dropped before the pictures' projection, 0–1.
        num_layers: blocks of the texts' encoder.
        hidden_dim: the width of its tokens.
        num_heads: of its attention.
        mlp_dim: the width within its MLPs.
        max_length: T, at most.
        text_dropout_rate: share dropped within the texts' encoder, 0–1.
        temperature: τ at the beginning.
        num_concepts: K, told apart for training; 0 for none.

    Returns:
        A model from {`images` float32 (B, H, W, C), 0–255; `tokens` int32 (B', T)} to logits:
        {`pairs` (B, B')} and, with concepts, {`images` (B, K); `texts` (B', K)}. Its layers
        `image_encoder` and `text_encoder` are models themselves, to embeddings float32 (·, D) of
        length 1.

    Raises:
        ValueError: an argument is out of range.
    """
    # === Checks ===
    _check(image_shape, widths, depth, num_layers, patch_size)

    # === Functional model ===
    image_encoder = _image_encoder(
        image_shape,
        widths=widths,
        depth=depth,
        strides=patch_size // CELL,
        dropout_rate=image_dropout_rate,
        embedding_dim=embedding_dim,
    )
    text_encoder = _text_encoder(
        vocabulary_size,
        max_length=max_length,
        num_layers=num_layers,
        hidden_dim=hidden_dim,
        num_heads=num_heads,
        mlp_dim=mlp_dim,
        dropout_rate=text_dropout_rate,
        embedding_dim=embedding_dim,
    )
    images = keras.Input(image_shape, name="images")
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    u, v = image_encoder(images), text_encoder(tokens)  # (B, D), (B', D)
    similarity = ScaledSimilarity(temperature, dtype="float32", name="similarity")
    logits = {"pairs": similarity(u, v)}  # (B, B')
    if num_concepts:
        concepts = CosineClassifier(num_concepts, temperature, dtype="float32", name="concepts")
        logits |= {"images": concepts(u), "texts": concepts(v)}  # (B, K), (B', K)

    # === Config ===
    return keras.Model({"images": images, "tokens": tokens}, logits, name="clip")


def _check(
    image_shape: tuple[int, int, int],
    widths: tuple[int, ...],
    depth: int,
    num_layers: int,
    patch_size: int,
) -> None:
    if not widths or depth < 1 or num_layers < 1:
        raise ValueError(
            "widths must name a stage, depth and num_layers be at least 1; "
            f"received {widths}, {depth} and {num_layers}"
        )
    if patch_size < 2 * CELL or patch_size % CELL or any(s % patch_size for s in image_shape[:2]):
        raise ValueError(
            f"patch_size must be a multiple of {CELL}, at least {2 * CELL}, and divide the image; "
            f"received {patch_size} for {image_shape}"
        )


def _image_encoder(
    image_shape: tuple[int, int, int],
    *,
    widths: tuple[int, ...],
    depth: int,
    strides: int,
    dropout_rate: float,
    embedding_dim: int,
) -> keras.Model:
    images = keras.Input(image_shape, name="images")  #                  at 64×64×3:
    x = layers.Rescaling(1 / 255, dtype="float32", name="rescaling")(images)
    edges = OrientedGradients(cell_size=CELL, dtype="float32", name="edges")(x)  # 32×32×8
    colours = layers.AveragePooling2D(CELL, dtype="float32", name="colours")(x)  # 32×32×3
    x = layers.Concatenate(name="channels")([edges - 1.0, 4.0 * colours - 2.0])  # 32×32×11
    x = layers.Conv2D(
        widths[0],
        strides + 2,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name="stem",
    )(x)  # 8×8×96
    x = layers.ReLU(name="stem_relu")(layers.BatchNormalization(name="stem_norm")(x))
    for stage, width in enumerate(widths):
        for block in range(depth):
            step = 2 if stage and not block else 1
            name = f"stage_{stage + 1}_block_{block + 1}"
            x = BasicBlock(width, strides=step, shortcut="projection", name=name)(x)  # 4×4×192
    x = layers.Flatten(name="flatten")(x)
    x = Dropout(dropout_rate, name="dropout")(x)
    return keras.Model(images, _projected(x, embedding_dim), name="image_encoder")


def _text_encoder(
    vocabulary_size: int,
    *,
    max_length: int,
    num_layers: int,
    hidden_dim: int,
    num_heads: int,
    mlp_dim: int,
    dropout_rate: float,
    embedding_dim: int,
) -> keras.Model:
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    mask = ops.not_equal(tokens, 0)  # (B, T)
    small = keras.initializers.TruncatedNormal(stddev=0.02)
    x = TokenEmbedding(vocabulary_size, hidden_dim, embeddings_initializer=small, name="tokens_in")(
        tokens
    )  # (B, T, D)
    x = LearnedPositionalEncoding(max_length, small.clone(), name="positions")(x)
    x = Dropout(dropout_rate, name="dropout")(x)
    for number in range(1, num_layers + 1):
        x = TransformerEncoderBlock(
            num_heads, mlp_dim, dropout_rate=dropout_rate, name=f"encoder_{number}"
        )(x, mask=mask)
    x = LayerNormalization(name="norm")(x)
    weights = ops.expand_dims(ops.cast(mask, x.dtype), -1)  # (B, T, 1)
    total = ops.maximum(ops.sum(weights, axis=1), 1.0)  # a text of padding alone has no mean
    x = ops.sum(x * weights, axis=1) / total  # (B, D)
    return keras.Model(tokens, _projected(x, embedding_dim), name="text_encoder")


def _projected(x: Any, embedding_dim: int) -> Any:
    """(B, any) → float32 (B, D) of length 1."""
    project = layers.Dense(embedding_dim, use_bias=False, dtype="float32", name="projection")
    return layers.UnitNormalization(dtype="float32", name="embeddings")(project(x))
