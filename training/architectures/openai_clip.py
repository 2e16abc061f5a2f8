"""OpenAI's CLIP: two Transformers that bring images and texts into one space.

Radford et al., 2021, "Learning Transferable Visual Models From Natural Language Supervision"
(arXiv:2103.00020), §2.4 and table 20, as the authors' code has it:

    image → patches; class token; + positions; norm; blocks; norm of token 0 → projection → 1 ┐
                                                                                                ├ /τ
    text → tokens + positions; causal blocks; norm of the token that ends it → projection → 1 ──┘

Normalizations stand before the sub-layers (`pre`), the activation is x·σ(1.702 x), patches and both
projections have no bias. Causal attention sees no padding from before it, so texts need no mask:
the vector of the first token that ends them is read. `ViT-B/32` has 151,277,313 parameters,
`ViT-B/16` 149,620,737, `ViT-L/14` 427,616,513, the temperature among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import keras
from keras import layers, ops

from training.layers.activations import quick_gelu
from training.layers.class_token import ClassToken
from training.layers.layer_normalization import LayerNormalization
from training.layers.learned_positional_encoding import LearnedPositionalEncoding
from training.layers.patch_embedding import PatchEmbedding
from training.layers.scaled_similarity import ScaledSimilarity
from training.layers.token_embedding import TokenEmbedding
from training.layers.transformer_encoder_block import TransformerEncoderBlock

TEXTS: Final = {"vocabulary_size": 49_408, "text_layers": 12}
NARROW: Final = {**TEXTS, "embedding_dim": 512, "text_dim": 512, "text_heads": 8}
B: Final = {"image_layers": 12, "image_dim": 768, "image_heads": 12, "image_mlp_dim": 3072}
L: Final = {"image_layers": 24, "image_dim": 1024, "image_heads": 16, "image_mlp_dim": 4096}
WIDE: Final = {**TEXTS, "embedding_dim": 768, "text_dim": 768, "text_heads": 12}
VARIANTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "ViT-B/32": {"patch_size": 32, **B, **NARROW, "text_mlp_dim": 2048},
    "ViT-B/16": {"patch_size": 16, **B, **NARROW, "text_mlp_dim": 2048},
    "ViT-L/14": {"patch_size": 14, **L, **WIDE, "text_mlp_dim": 3072},
}

MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
STD: Final = (0.26862954, 0.26130258, 0.27577711)
"""Of red, green and blue, 0–1, as the images of its training had them."""


def build(
    vocabulary_size: int,
    *,
    image_shape: tuple[int, int, int] = (224, 224, 3),
    patch_size: int = 32,
    image_layers: int = 12,
    image_dim: int = 768,
    image_heads: int = 12,
    image_mlp_dim: int = 3072,
    text_layers: int = 12,
    text_dim: int = 512,
    text_heads: int = 8,
    text_mlp_dim: int = 2048,
    max_length: int = 77,
    embedding_dim: int = 512,
    end_id: int | None = None,
    activation: Any = quick_gelu,
    epsilon: float = 1e-5,
    mean: tuple[float, ...] = MEAN,
    std: tuple[float, ...] = STD,
    temperature: float = 0.07,
) -> keras.Model:
    """A dual encoder for images of one size and texts of up to `max_length` tokens.

    Args:
        vocabulary_size: V.
        image_shape: (H, W, C), pixels, H and W multiples of `patch_size`.
        patch_size: P, height and width of a patch, pixels.
        image_layers, image_dim, image_heads, image_mlp_dim: blocks of the images' encoder, width
            of its tokens, heads of its attention and width within its networks.
        text_layers, text_dim, text_heads, text_mlp_dim: the same of the texts' encoder.
        max_length: T, at most.
        embedding_dim: D, the width of the space.
        end_id: the token that ends a text; None for the largest in it, as in the authors' code.
        activation: of all networks, by its Keras name or a registered function.
        epsilon: of all normalizations.
        mean, std: of each channel, 0–1, by which images are normalized.
        temperature: τ at the beginning.

    Returns:
        A model from {`images` float32 (B, H, W, C), 0–255; `tokens` int32 (B', T)} to logits
        {`pairs` (B, B')}. Its layers `image_encoder` and `text_encoder` are models themselves, to
        embeddings float32 (·, D) of length 1.

    Raises:
        ValueError: an argument is out of range.
    """
    # === Checks ===                                   (the layers check the rest)
    if image_layers < 1 or text_layers < 1:
        raise ValueError(
            f"there must be a block in either encoder; received {image_layers} and {text_layers}"
        )

    # === Functional model ===
    how = {"activation": activation, "epsilon": epsilon}
    images = keras.Input(image_shape, name="images")
    x = _normalized(images, mean, std)
    x = PatchEmbedding(patch_size, image_dim, use_bias=False, name="patches")(x)
    x = ClassToken(name="class_token")(x)  # at 224×224, B/32: 50×768
    x = LearnedPositionalEncoding(x.shape[1], _small(), name="positions")(x)
    x = LayerNormalization(epsilon, name="norm_before")(x)
    x = _blocks(x, image_layers, image_heads, image_mlp_dim, **how)
    x = LayerNormalization(epsilon, name="norm")(x[:, 0])  # (B, D)
    image_encoder = keras.Model(images, _projected(x, embedding_dim), name="image_encoder")

    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = TokenEmbedding(
        vocabulary_size, text_dim, embeddings_initializer=_small(), name="token_embedding"
    )(tokens)  # (B', T, D)
    x = LearnedPositionalEncoding(max_length, _small(), name="positions")(x)
    x = _blocks(x, text_layers, text_heads, text_mlp_dim, causal=True, **how)
    x = LayerNormalization(epsilon, name="norm")(_at_end(x, tokens, end_id))  # (B', D)
    text_encoder = keras.Model(tokens, _projected(x, embedding_dim), name="text_encoder")

    similarity = ScaledSimilarity(temperature, dtype="float32", name="similarity")
    pairs = similarity(image_encoder(images), text_encoder(tokens))  # (B, B')

    # === Config ===
    return keras.Model({"images": images, "tokens": tokens}, {"pairs": pairs}, name="openai_clip")


def _normalized(images: Any, mean: tuple[float, ...], std: tuple[float, ...]) -> Any:
    scale = [1 / 255 / each for each in std]
    offset = [-middle / each for middle, each in zip(mean, std, strict=True)]
    return layers.Rescaling(scale, offset, dtype="float32", name="normalized")(images)


def _small() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=0.02)


def _blocks(x: Any, count: int, num_heads: int, mlp_dim: int, **how: Any) -> Any:
    for number in range(1, count + 1):
        x = TransformerEncoderBlock(num_heads, mlp_dim, norm="pre", name=f"block_{number}", **how)(
            x
        )
    return x


def _at_end(x: Any, tokens: Any, end_id: int | None) -> Any:
    """The vectors (B, D) at each text's first end; at its last token where it has none."""
    end = ops.max(tokens, axis=1, keepdims=True) if end_id is None else end_id
    numbers = ops.cumsum(ops.ones_like(tokens), axis=1)  # 1 … T, whatever T is
    ended = ops.cumsum(ops.cast(ops.equal(tokens, end), "int32"), axis=1)  # 0 before the end
    before = ops.sum(ops.cast(ops.equal(ended, 0), "int32"), axis=1, keepdims=True)
    is_last = ops.equal(numbers, ops.minimum(before + 1, numbers[:, -1:]))  # (B, T)
    return ops.sum(x * ops.cast(is_last, x.dtype)[..., None], axis=1)


def _projected(x: Any, embedding_dim: int) -> Any:
    """(B, any) → float32 (B, D) of length 1."""
    project = layers.Dense(embedding_dim, use_bias=False, dtype="float32", name="projection")
    return layers.UnitNormalization(dtype="float32", name="embeddings")(project(x))
